"""A tree in a service: one life, one deadline, nothing shared with another tree."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import (
    Boom,
    Gate,
    Journal,
    Probe,
    TrappingProbe,
    boom,
    crash,
    do,
    in_thread,
    joined,
    named,
    spec,
    sup_spec,
)

from supervision import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    AutoShutdown,
    Backoff,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    MonotonicClock,
    Restart,
    Strategy,
    Supervisor,
    SupFlags,
    Tree,
    VirtualClock,
)
from supervision.errors import StartError, StopFromWithin, TreeEnded, TreeNotRunning
from supervision.exit_reason import Shutdown
from supervision.ref import cell_of
from supervision.supervisor import start_child, terminate_child, which_children
from supervision.tree_view import snapshot


def threads_of(name: str) -> list[str]:
    """Return the names of the living threads of the tree *name*."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(name)]


def test_a_tree_runs_its_children_in_order_and_stops_them_in_reverse(no_leaks: None) -> None:
    """As a context manager; before and after it, it is not running."""
    journal = Journal()
    own = Tree(
        "order", [spec(id, TrappingProbe, journal, lambda actor: journal(actor.ref.name)) for id in "ab"]
    )
    assert not own.is_running()

    with own as running:
        assert running is own
        assert own.is_running()

    assert not own.is_running()
    assert [note if isinstance(note, str) else note[1] for note in journal.notes] == [
        "order/a",
        "order/b",
        "b",
        "a",
    ]
    assert own.wait() == SHUTDOWN


def test_a_tree_lives_once(no_leaks: None) -> None:
    """Started twice, or after its end, or after a failed start: refused with what to do, and nothing changes."""
    own = Tree("once", [spec("a")])
    with pytest.raises(TreeNotRunning, match=r"not started; call start\(\)"):
        _ = own.root
    assert own.stop()
    own.start()
    before = own.root, named(own, "a")

    with pytest.raises(TreeNotRunning, match=r"already started; .* make a new Tree"):
        own.start()

    assert (own.root, named(own, "a")) == before
    assert own.stop()
    assert own.stop()
    with pytest.raises(TreeNotRunning, match="is ended"):
        own.start()
    with pytest.raises(TreeEnded, match=r"'once' has ended: shutdown\. "):
        own.start_child(spec("b"))
    failing = Tree("failing", [spec("a"), spec("b", Probe, None, boom)])
    with pytest.raises(StartError, match="child 'b' failed to start"):
        failing.start()
    with pytest.raises(TreeNotRunning, match="is ended"):
        failing.start()
    assert failing.stop()


def test_a_failed_start_leaves_nothing(no_leaks: None) -> None:
    """The children before it are stopped, and the tree's own clock has no thread left."""
    own = Tree(
        "left",
        [
            spec("a", Probe, None, lambda actor: actor.send_after(3600, 1) and None),
            spec("b", Probe, None, boom),
        ],
    )

    with pytest.raises(StartError):
        own.start()

    assert own.registry.names() == ()
    assert "left/timers" not in threads_of("left/")


def test_starting_from_two_threads_starts_once(no_leaks: None) -> None:
    """One gets it running, the other is refused."""
    own, journal = Tree("both", [spec("a", Probe, None, lambda _: None)]), Journal()

    def start() -> None:
        try:
            journal(own.start())
        except TreeNotRunning as error:
            journal(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert journal.of(Tree) == [own]
    assert len(journal.of(TreeNotRunning)) == 1
    assert own.stop()


def test_stopping_from_two_threads_stops_once(tree: Tree) -> None:
    """Both return when it is down, and terminate ran once."""
    journal, outcome, held = Journal(), Journal(), Gate()
    tree.start_child(spec("a", TrappingProbe, journal, None, lambda _: held.pass_through()))
    threads = [threading.Thread(target=lambda: outcome(tree.stop())) for _ in range(2)]
    for thread in threads:
        thread.start()
    journal.wait(("terminate", "a", SHUTDOWN))
    held.set()
    for thread in threads:
        thread.join()

    assert outcome.notes == [True, True]
    assert len(journal.notes) == 1


def test_a_stop_has_its_own_deadline_whoever_else_stops(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """One thread waits long; another's shorter deadline holds all the same."""
    journal, outcome, held = Journal(), Journal(), Gate()
    tree.start_child(spec("a", TrappingProbe, journal, None, lambda _: held.pass_through(), shutdown=100.0))
    patient = threading.Thread(target=lambda: outcome(("patient", tree.stop(50.0))))
    patient.start()
    timers.wait(50.0)
    hasty = threading.Thread(target=lambda: outcome(("hasty", tree.stop(2.0))))
    hasty.start()
    timers.wait(2.0)

    clock.advance(2.0)
    hasty.join()

    assert ("hasty", False) in outcome.notes
    held.set()
    patient.join()


def test_a_stop_does_not_wait_for_a_start_beyond_its_deadline(no_leaks: None) -> None:
    """A start that hangs in another thread holds the stop for at most its timeout."""
    held, entered = Gate(), Gate()

    def hang(_: Any) -> None:
        entered.set()
        held.pass_through()

    own = Tree("hanging", [spec("a", Probe, None, hang)])
    starter = threading.Thread(target=own.start)
    starter.start()
    entered.pass_through()

    assert not own.stop(0.01)

    held.set()
    starter.join()
    assert own.stop()


def test_what_does_not_stop_in_time_is_named_and_the_rest_still_terminates(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """False at the deadline; the deaf one is named until its thread ends, the others run their terminate."""
    journal, outcome, held, entered = Journal(), Journal(), Gate(), Gate()

    def deaf(_: Any) -> None:
        entered.set()
        held.pass_through()

    tree.start_child(spec("polite", TrappingProbe, journal))
    tree.start_child(spec("deaf", TrappingProbe, journal, shutdown=1000.0))
    polite, deaf_ref = named(tree, "polite"), named(tree, "deaf")
    deaf_ref.cast(deaf)
    entered.pass_through()
    stopper = threading.Thread(target=lambda: outcome(tree.stop(5.0)))
    stopper.start()
    timers.wait(5.0)
    clock.advance(5.0)
    stopper.join()

    assert outcome.notes == [False]
    assert not tree.is_running()
    assert deaf_ref in tree.unstopped()
    assert joined(polite) == KILLED, "the root's own reason, as gen_server hears it from its parent"
    assert journal.notes == [("terminate", "polite", KILLED)]
    held.set()
    thread = cell_of(deaf_ref).thread
    assert thread is not None
    thread.join()
    clock.advance(1000.0)
    root_thread = cell_of(tree.root).thread
    assert root_thread is not None
    root_thread.join()
    assert tree.unstopped() == ()


def test_a_killed_child_that_was_idle_does_not_spoil_the_stop(tree: Tree) -> None:
    """Its thread is on its way out: everything ended in time."""
    for id in "abcdefgh":
        tree.start_child(spec(id, shutdown=BRUTAL_KILL))

    assert tree.stop()
    assert tree.unstopped() == ()


def test_two_trees_with_the_same_names_never_meet(no_leaks: None) -> None:
    """Each has its registry, its numbers, its events and its clock; one's end is nothing to the other."""
    journal = Journal()
    one, two = (Tree("same", [spec("a")]) for _ in range(2))
    two.events.subscribe(journal)
    with one, two:
        assert named(one, "a") == named(two, "a"), "equal by name and number: refs are of one tree"
        assert one.clock is not two.clock
        begun = len(journal.notes)
        crash(named(one, "a"))
        which_children(one.root)
        one.stop()

        assert do(named(two, "a"), lambda _: "lives") == "lives"
        assert len(journal.notes) == begun


def test_a_trees_own_clock_ends_with_it_and_a_given_one_does_not(no_leaks: None) -> None:
    """By default it is real time, whose thread is the tree's to end."""
    given = MonotonicClock("given")
    for own, ends in ((Tree("own"), True), (Tree("lent", clock=given), False)):
        with own:
            own.clock.call_at(own.clock.now() + 3600, lambda: None)
        timers = "own/timers" if ends else "given/timers"
        assert (timers not in threads_of(timers)) is ends
    given.close()


def test_the_roots_flags_are_checked_in_the_caller() -> None:
    """When the tree is made, before anything starts."""
    with pytest.raises(ValueError, match="intensity -1"):
        Tree("bad", intensity=-1)
    with pytest.raises(ValueError, match="strategy 'all for one'"):
        Tree("bad", strategy="all for one")  # type: ignore[arg-type]


def test_a_tree_ends_by_itself_and_says_why(no_leaks: None) -> None:
    """When the root gives up, or its significant child is done: wait() returns the reason."""
    gives_up = Tree("gives up", [spec("a")], intensity=0).start()
    crash(named(gives_up, "a"))
    assert gives_up.wait(20.0) == SHUTDOWN
    assert not gives_up.is_running()
    assert gives_up.stop()

    done = Tree(
        "done",
        [spec("a", restart=Restart.TRANSIENT, significant=True)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        strategy=Strategy.REST_FOR_ONE,
    ).start()
    assert done.wait(0) is None
    named(done, "a").stop()
    assert done.wait(20.0) == SHUTDOWN
    assert done.stop()


def test_a_name_with_slashes_is_no_path(no_leaks: None) -> None:
    """A test's id may be a tree's name; an empty name is ``tree``."""
    for given, name in (("tests/x.py::y", "tests|x.py::y"), ("", "tree")):
        with Tree(given, [spec("a")]) as own:
            assert own.name == name
            assert named(own, "a").name == f"{name}/a"


def lived(own: Tree, during: Callable[[], object], error: Exception | None = None) -> None:
    """Live *own* in a ``with`` block that does *during*, waits for the tree's end and raises *error*, if given."""
    with own:
        during()
        own.wait(20.0)
        if error is not None:
            raise error


def test_a_tree_that_gives_up_inside_its_block_is_an_error(no_leaks: None) -> None:
    """Nobody may take a block for done whose tree has failed meanwhile; the error has the reason, and the cause."""
    own = Tree("service", [spec("a")], intensity=0)

    with pytest.raises(TreeEnded, match=r"'service' gave up: .*crashed\(Boom\).* make a new Tree") as raised:
        lived(own, lambda: crash(named(own, "a")))

    assert raised.value.reason == SHUTDOWN
    assert isinstance(raised.value.__cause__, Boom)


def test_a_giving_up_reaches_the_block_through_every_supervisor(no_leaks: None) -> None:
    """The inner one gives up, so the root does; the exception of the innermost child is still the cause."""
    inner = sup_spec("inner", SupFlags(intensity=0), spec("a"), restart=Restart.PERMANENT)
    own = Tree("deep", [inner], intensity=0)

    with pytest.raises(TreeEnded, match=r"'deep' gave up: its child 'inner'.*'deep/inner' gave up") as raised:
        lived(own, lambda: crash(named(own, "inner/a")))

    assert isinstance(raised.value.__cause__, Boom)


def test_the_blocks_own_exception_goes_first_and_is_told_of_the_trees_end(no_leaks: None) -> None:
    """It is raised as it is, with a note that the tree had failed."""
    own = Tree("noted", [spec("a")], intensity=0)

    with pytest.raises(KeyError) as raised:
        lived(own, lambda: crash(named(own, "a")), KeyError("mine"))

    assert [note.partition(":")[0] for note in raised.value.__notes__] == ["tree 'noted' has ended"]


def test_a_tree_that_was_done_or_stopped_inside_its_block_is_no_error(no_leaks: None) -> None:
    """The twins: its significant child was done; it was stopped; a stop ran out of time and killed its root."""
    done = spec("a", restart=Restart.TRANSIENT, significant=True)
    with Tree("done", [done], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT) as own:
        named(own, "a").stop()
        assert own.wait(20.0) == SHUTDOWN
    with Tree("stopped", [spec("a")]) as own:
        assert own.stop()
    held, entered = Gate(), Gate()

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    with Tree("killed", [spec("a", TrappingProbe, None, None, hold)]) as own:
        assert not own.stop(0.0)
        held.set()
    assert own.wait(0) == KILLED


def test_a_tree_whose_root_was_killed_from_outside_is_an_error(no_leaks: None) -> None:
    """Nobody had asked it to stop."""
    own = Tree("struck", [spec("a")])

    with pytest.raises(TreeEnded, match="has ended: killed"):
        lived(own, lambda: own.root.exit(KILLED))


def test_a_tree_that_has_failed_says_so_to_who_adds_a_child(no_leaks: None) -> None:
    """With the reason and the cause; what is still on its way down says that."""
    held, entered = Gate(), Gate()

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    own = Tree("late", [spec("slow", TrappingProbe, None, None, hold), spec("a")], intensity=0).start()
    crash(named(own, "a"))
    entered.pass_through()
    with pytest.raises(TreeNotRunning, match="is ending"):
        own.start_child(spec("b"))
    held.set()
    own.wait(20.0)

    with pytest.raises(TreeEnded, match=r"crashed\(Boom\)") as raised:
        own.start_child(spec("b"))

    assert isinstance(raised.value.__cause__, Boom)
    assert own.stop()


def test_children_of_a_supervisor_that_gives_up_are_told_why(no_leaks: None) -> None:
    """They are stopped with OTP's ``shutdown``, which knows the cause: so a pool can tell its callers. Dynamic ones, too."""
    heard = Journal()

    class Heir(TrappingProbe):
        def terminate(self, reason: Any) -> None:
            heard(reason)

    dynamic = spec("dynamic", DynamicSupervisor, type=ChildType.SUPERVISOR)
    own = Tree("told", [spec("heir", Heir), dynamic, spec("a")], intensity=0).start()
    start_child(named(own, "dynamic"), spec("heir", Heir))
    crash(named(own, "a"))
    own.wait(20.0)

    assert heard.notes == [SHUTDOWN, SHUTDOWN]
    assert all(
        isinstance(note, Shutdown) and note.because and note.because.child == "a" for note in heard.notes
    )
    with Tree("quiet", [spec("heir", Heir)]):
        pass
    assert heard.notes[-1].because is None
    assert own.stop()


# The picture


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


def test_an_actor_cannot_stop_its_own_tree(tree: Tree) -> None:
    """It would wait for itself: told at once, from a handler, from init, and in a function; nothing is stopped."""
    told = Journal()

    def stop(*_: Any) -> None:
        with pytest.raises(StopFromWithin, match="significant child"):
            tree.stop()
        told("refused")

    tree.start_child(spec("a", Probe, None, stop))
    named(tree, "a").cast(stop)
    told.wait_for(2)
    tree.start_child(ChildSpec(id="f", start=stop, restart=Restart.TEMPORARY))
    told.wait_for(3)

    assert tree.is_running()
    do(named(tree, "a"))


def test_a_tree_counts_who_would_not_stop(tree: Tree) -> None:
    """Since it was made; whoever ended in time is not counted."""
    busy, held = Journal(), Gate()
    tree.start_child(spec("good"))
    tree.start_child(spec("bad", shutdown=0.01))
    named(tree, "bad").cast(lambda _: busy("busy") or held.pass_through())
    busy.wait("busy")
    assert tree.unstopped_count() == 0

    terminate_child(tree.root, "good")
    stopper = in_thread(lambda: terminate_child(tree.root, "bad"), Journal())
    clock = tree.clock
    assert isinstance(clock, VirtualClock)
    while stopper.is_alive():
        clock.advance(1.0)
        stopper.join(0.01)
    held.set()

    assert tree.unstopped_count() == 1
