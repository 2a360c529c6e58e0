"""The picture of a tree: as text, Mermaid and JSON, with whoever is busy, ending or gone."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

from scripted import (
    Gate,
    Journal,
    Probe,
    crash,
    named,
    spec,
    sup_spec,
)

from supervision import (
    SHUTDOWN,
    Backoff,
    ChildSpec,
    ChildType,
    Restart,
    Strategy,
    Supervisor,
    SupFlags,
    Tree,
    VirtualClock,
)
from supervision.supervisor import terminate_child, which_children
from supervision.tree_view import snapshot


def test_the_picture_shows_every_actor_with_its_status(tree: Tree) -> None:
    """Names, status, restarts, and what does not run; the dicts say the same and are ready for JSON."""

    class Busy(Probe):
        def status(self) -> dict[str, object]:
            return {"calls": 7}

    inner = sup_spec("inner", SupFlags(strategy=Strategy.REST_FOR_ONE), spec("b", Busy), spec("c"))
    tree.start_child(inner)
    tree.start_child(spec("d"))
    crash(named(tree, "inner/c"))
    which_children(named(tree, "inner"))
    terminate_child(tree.root, "d")

    assert tree.as_text().splitlines() == [
        f"{tree.name}  strategy=one_for_one",
        "├─ inner  strategy=rest_for_one",
        "│  ├─ b  calls=7",
        "│  └─ c  restarts=1",
        "└─ d  state=not running",
    ]
    picture: Any = json.loads(json.dumps(tree.as_dict()))
    assert picture["type"] == "supervisor"
    inner_picture, d = picture["children"]
    assert [child["id"] for child in inner_picture["children"]] == ["b", "c"]
    assert inner_picture["children"][0]["status"] == {"calls": 7}
    assert inner_picture["children"][1]["restarts"] == 1
    assert d["incarnation"] is None
    assert [node.id for node in tree.snapshot().walk()] == [tree.name, "inner", "b", "c", "d"]


def test_a_picture_can_have_a_time_for_all(tree: Tree) -> None:
    """Who is not asked any more, because it has passed, is shown so; those before are asked."""
    tree.start_child(spec("a"))
    tree.start_child(spec("b"))
    left = iter([1.0, 1.0, 0.0])

    node = snapshot(tree.root, 1.0, left=lambda: next(left))

    assert [each.state for each in node.walk()] == ["running", "running", "not asked"]


def test_the_picture_as_mermaid_and_as_json(tree: Tree) -> None:
    """Supervisors are boxes, workers are rounded; what means something to Mermaid is escaped, and JSON takes all."""

    class Odd(Probe):
        def status(self) -> dict[str, object]:
            return {"says": '<"#1">', "only": {7}}

    tree.start_child(sup_spec("inner", SupFlags(), spec("odd", Odd)))
    tree.start_child(spec("d"))

    assert tree.as_mermaid().splitlines() == [
        "flowchart TD",
        f'    n0["{tree.name}<br>strategy=one_for_one"]',
        '    n1["inner<br>strategy=one_for_one"]',
        "    n0 --> n1",
        '    n2("odd<br>says=#lt;#quot;#35;1#quot;#gt;<br>only={7}")',
        "    n1 --> n2",
        '    n3("d")',
        "    n0 --> n3",
    ]
    assert json.loads(tree.as_json())["children"][0]["children"][0]["status"] == {
        "says": '<"#1">',
        "only": "{7}",
    }


def test_a_busy_actor_is_shown_as_giving_no_answer(tree: Tree, clock: VirtualClock, timers: Journal) -> None:
    """The picture waits for it no longer than the timeout, and shows the rest."""
    held, entered, pictures = Gate(), Gate(), Journal()
    tree.start_child(spec("a"))
    tree.start_child(spec("b"))

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    named(tree, "a").cast(hold)
    entered.pass_through()
    viewer = threading.Thread(target=lambda: pictures(tree.snapshot(timeout=2.5).as_text()))
    begun = len(timers.notes)
    viewer.start()
    timers.wait_until(lambda notes: len(notes) >= begun + 3)  # the root twice, then the busy one
    clock.advance(2.5)
    viewer.join()
    held.set()

    assert pictures.notes[0].splitlines()[1:] == ["├─ a  state=no answer (CallTimeout)", "└─ b"]


def test_a_tree_that_ended_is_shown_as_such(no_leaks: None) -> None:
    """Looking at it afterwards is fine."""
    with Tree("over", [spec("a")]) as own:
        pass

    assert own.as_text() == "over  state=ended: shutdown"
    failed = Tree("failed", [spec("a")], intensity=0).start()
    crash(named(failed, "a"))
    failed.wait(20.0)
    text = failed.as_text()
    assert failed.stop()
    assert text.startswith("failed  state=ended: shutdown, because 'failed' gave up: its child 'a'")
    assert text.endswith("crashed(Boom)")


def test_a_child_that_does_not_run_says_whether_it_is_being_restarted(
    tree: Tree, clock: VirtualClock
) -> None:
    """In each picture: its supervisor is about to try again, or it is at rest; one that runs says that, in JSON."""
    tree.start_child(spec("back", Probe, backoff=Backoff(first=5.0, jitter=0)))
    tree.start_child(spec("rest"))
    tree.start_child(spec("up"))
    crash(named(tree, "back"))
    terminate_child(tree.root, "rest")

    text, picture = tree.as_text(), json.loads(tree.as_json())
    assert "├─ back  state=restarting\n" in text
    assert "├─ rest  state=not running\n" in text
    assert text.endswith("└─ up")
    assert "back<br>state=restarting" in tree.as_mermaid()
    states = {child["id"]: child["state"] for child in picture["children"]}
    assert (picture["state"], states) == (
        "running",
        {"back": "restarting", "rest": "not running", "up": "running"},
    )

    clock.advance(5.0)
    assert "restarting" not in tree.as_text()


def test_a_child_on_its_way_down_is_shown_as_ending(tree: Tree) -> None:
    """Nobody waits for it."""
    journal, held = Journal(), Gate()
    at_end = [journal, None, lambda _: held.pass_through()]
    ref = tree.start_child(spec("a", Probe, *at_end, restart=Restart.TEMPORARY))
    assert ref is not None
    ref.stop(timeout=0)
    journal.wait(("terminate", "a", SHUTDOWN))

    assert tree.as_text().endswith("└─ a  state=ending")
    held.set()


def test_who_is_a_supervisor_is_drawn_with_its_children_whatever_its_spec_says(tree: Tree) -> None:
    """The one that runs decides; a worker that is merely called supervisor is not asked for children, and lives."""
    unmarked = ChildSpec(id="inner", start=Supervisor, args=(SupFlags(), [spec("b")]), shutdown=math.inf)
    tree.start_child(unmarked)
    tree.start_child(ChildSpec(id="label", start=Probe, type=ChildType.SUPERVISOR))

    root = tree.snapshot()

    assert [(node.id, node.type.value) for node in root.walk()][1:] == [
        ("inner", "supervisor"),
        ("b", "worker"),
        ("label", "worker"),
    ]
    assert "no answer" not in tree.as_text()
    assert which_children(tree.root)[1].restarts == 0
