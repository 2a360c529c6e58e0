"""The supervisor with real threads: who is restarted, how often, in which order, and what becomes of the deaf."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, TrappingProbe, boom, crash, do, joined, named, spec, sup_spec
from supervisors import ALL, MANY, REST, noted_child, refs, supervisor

from supervision import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    AutoShutdown,
    ChildSpec,
    Exit,
    Ref,
    Restart,
    Stop,
    Strategy,
    SupFlags,
    Tree,
    VirtualClock,
    crashed,
)
from supervision.errors import StartError
from supervision.events import ChildRestarted, ChildRestartFailed, SupervisorGaveUp
from supervision.ref import cell_of
from supervision.supervisor import (
    start_child,
    which_children,
)

# Who is restarted


@pytest.mark.promise("restart-strategies")
def test_one_for_one_restarts_the_child_alone(tree: Tree) -> None:
    """Its siblings keep their incarnation; the child has its place, and a new one."""
    sup = supervisor(tree, MANY, spec("a"), spec("b"), spec("c"))
    before = refs(sup)

    crash(named(tree, "sup/b"))
    after = refs(sup)

    assert list(after) == ["a", "b", "c"]
    assert (after["a"], after["c"]) == (before["a"], before["c"])
    assert after["b"] != before["b"]
    assert after["b"] is not None
    assert after["b"].is_alive()


@pytest.mark.promise("restart-strategies")
def test_one_for_all_restarts_everybody_in_order(tree: Tree) -> None:
    """The others are stopped, last first; then all are started, in start order."""
    journal = Journal()
    sup = supervisor(tree, ALL, *(noted_child(id, journal) for id in "abc"))
    before, begun = refs(sup), len(journal.notes)

    crash(named(tree, "sup/b"))
    after = refs(sup)

    assert all(before[id] != after[id] for id in "abc")
    assert [note[:2] for note in journal.notes[begun:]] == [
        ("terminate", "b"),
        ("terminate", "c"),
        ("terminate", "a"),
        ("init", "a"),
        ("init", "b"),
        ("init", "c"),
    ]


@pytest.mark.promise("restart-strategies")
def test_rest_for_one_restarts_the_later_siblings_in_order(tree: Tree) -> None:
    """Those after it are stopped, last first; then it and they are started, in start order."""
    journal = Journal()
    sup = supervisor(tree, REST, *(noted_child(id, journal) for id in "abcd"))
    before, begun = refs(sup), len(journal.notes)

    crash(named(tree, "sup/b"))
    after = refs(sup)

    assert after["a"] == before["a"]
    assert all(before[id] != after[id] for id in "bcd")
    assert [note[:2] for note in journal.notes[begun:]] == [
        ("terminate", "b"),
        ("terminate", "d"),
        ("terminate", "c"),
        ("init", "b"),
        ("init", "c"),
        ("init", "d"),
    ]


@pytest.mark.promise("restart-strategies")
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@pytest.mark.parametrize("end", ["quiet", "crash", "killed"])
@pytest.mark.parametrize("restart", Restart)
def test_restart_strategies_follow_the_exit_reason(
    tree: Tree, strategy: Strategy, restart: Restart, end: str
) -> None:
    """Permanent always, transient after an abnormal end, temporary never; and then it is forgotten."""
    sup = supervisor(tree, SupFlags(strategy=strategy), spec("a", restart=restart))
    old = named(tree, "sup/a")
    match end:
        case "quiet":
            old.stop(NORMAL)
        case "crash":
            crash(old)
        case _:
            old.exit(KILLED)
    expected = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and end != "quiet")

    after = refs(sup)

    assert (after.get("a") is not None) is expected
    assert ("a" in after) is (restart is not Restart.TEMPORARY)


def test_two_children_that_crash_at_once_are_one_restart_each(tree: Tree) -> None:
    """rest_for_one: b ended before a's exit was dealt with; its own exit, dealt with after, is stale."""
    sup = supervisor(tree, REST, spec("a"), spec("b"))
    held, entered = Gate(), Gate()

    def hold(_: Any) -> None:
        entered.set()
        held.pass_through()

    # The supervisor waits for this child's start while the two crash.
    starter = threading.Thread(target=lambda: start_child(sup, spec("c", Probe, None, hold)))
    starter.start()
    entered.pass_through()
    crash(named(tree, "sup/a"))
    crash(named(tree, "sup/b"))
    held.set()
    starter.join()

    assert [row.restarts for row in which_children(sup)] == [1, 1, 1]


def test_restarts_are_counted_and_reported(tree: Tree, events: Journal) -> None:
    """For each child; the event names the supervisor, the child and the count."""
    sup = supervisor(tree, MANY, spec("a"), spec("b"))

    for _ in range(3):
        crash(named(tree, "sup/a"))
        refs(sup)

    assert [row.restarts for row in which_children(sup)] == [3, 0]
    assert events.of(ChildRestarted)[-1] == ChildRestarted(supervisor=sup.name, child="a", restarts=3)


def test_a_stray_exit_signal_is_dropped(tree: Tree) -> None:
    """A supervisor traps exits; one from no child of its own changes nothing."""
    sup = supervisor(tree, MANY, spec("a"))
    before = refs(sup)

    sup.exit(crashed("x"), sender=Ref("stranger", 1))

    assert refs(sup) == before


# How often


@pytest.mark.promise("intensity-escalates")
@pytest.mark.parametrize(("gap", "survives"), [(0.0, False), (4.9, False), (5.0, False), (5.1, True)])
def test_intensity_escalates_at_one_more_within_the_period(
    tree: Tree, clock: VirtualClock, events: Journal, gap: float, survives: bool
) -> None:
    """A restart exactly *period* old still counts; once the window slid, it goes on."""
    sup = supervisor(tree, SupFlags(intensity=2, period=5.0), spec("a"), spec("b"))
    for _ in range(2):
        crash(named(tree, "sup/a"))
        refs(sup)
    bystander = named(tree, "sup/b")

    clock.advance(gap)
    last = crash(named(tree, "sup/a"))

    if survives:
        assert refs(sup)["a"] is not None
    else:
        assert joined(sup) == SHUTDOWN
        assert joined(bystander) == SHUTDOWN
        assert events.of(SupervisorGaveUp) == [SupervisorGaveUp(supervisor=sup.name, child="a", reason=last)]


@pytest.mark.promise("intensity-escalates")
def test_intensity_escalates_to_the_supervisor_above(tree: Tree) -> None:
    """The inner one ends, and is restarted whole as a child of the outer; that counts there."""
    inner = sup_spec("inner", SupFlags(intensity=1), spec("a"), spec("b"), restart=Restart.PERMANENT)
    outer = supervisor(tree, SupFlags(intensity=1), inner, spec("c"), id="outer")
    old = named(tree, "outer/inner")
    before = named(tree, "outer/inner/b")

    for _ in range(2):
        crash(named(tree, "outer/inner/a"))
        joined(old) if _ else refs(old)
    after = refs(outer)

    assert after["inner"] not in (None, old)
    assert named(tree, "outer/inner/b") != before
    for turn in range(2):
        crash(named(tree, "outer/inner/a"))
        inner_ref = after["inner"]
        assert inner_ref is not None
        joined(inner_ref) if turn else refs(inner_ref)
    assert joined(outer) == SHUTDOWN
    assert tree.registry.names() == (tree.name,)


def test_a_failed_restart_is_tried_again_and_counts(tree: Tree, events: Journal) -> None:
    """One that fails each time uses up the intensity; one that fails once does not end the supervisor."""
    failures = iter([None, Boom(), None, Boom(), Boom(), Boom(), Boom()])

    def init(_: Any) -> None:
        failure = next(failures)
        if failure is not None:
            raise failure

    sup = supervisor(tree, SupFlags(intensity=3), spec("a", Probe, None, init))

    crash(named(tree, "sup/a"))
    which_children(sup)
    (row,) = which_children(sup)
    assert row.restarts == 1
    assert len(events.of(ChildRestartFailed)) == 1
    assert "Boom" in events.of(ChildRestartFailed)[0].describe()
    crash(named(tree, "sup/a"))

    assert joined(sup) == SHUTDOWN
    assert len(events.of(ChildRestartFailed)) == 2


# Starting


def test_a_child_that_fails_rolls_the_start_back(tree: Tree) -> None:
    """Those before it are stopped, last first; those after it never started; the start says which failed and why."""
    journal = Journal()
    children = [noted_child("a", journal), noted_child("b", journal), spec("c", Probe, None, boom)]

    with pytest.raises(StartError, match=r"shutdown\(child 'c' failed to start: crashed\(Boom\)\)"):
        supervisor(tree, MANY, *children, noted_child("d", journal))

    assert [note[:2] for note in journal.notes] == [
        ("init", "a"),
        ("init", "b"),
        ("terminate", "b"),
        ("terminate", "a"),
    ]
    assert tree.registry.names() == (tree.name,)


def test_a_supervisor_whose_start_outlasts_its_timeout_leaves_no_child(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """Children that it had started, and that it starts late, hear of its end."""
    journal, held = Journal(), Gate()

    def hang(_: Any) -> None:
        journal("hangs")
        held.pass_through()

    children = (noted_child("a", journal), spec("b", Probe, None, hang), noted_child("c", journal))
    late = ChildSpec(
        id="sup",
        start=sup_spec("x", MANY).start,
        args=(MANY, children),
        restart=Restart.TEMPORARY,
        start_timeout=9.0,
    )

    def start() -> None:
        with pytest.raises(StartError, match="did not return within 9 s"):
            tree.start_child(late)

    starter = threading.Thread(target=start)
    starter.start()
    journal.wait("hangs")
    timers.wait(9.0)
    a = named(tree, "sup/a")

    clock.advance(9.0)
    starter.join()
    assert joined(a) == crashed("start failed")
    (sup,) = tree.unstopped()
    held.set()
    thread = cell_of(sup).thread
    assert thread is not None
    thread.join()
    for name in ("b", "c"):
        ref = tree.registry.whereis(f"{tree.name}/sup/{name}")
        if ref is not None:
            joined(ref)
    assert tree.registry.names() == (tree.name,)


def test_a_significant_child_that_is_done_ends_its_supervisor(tree: Tree) -> None:
    """With auto_shutdown; the siblings are stopped, the reason is shutdown."""
    done = spec("done", restart=Restart.TRANSIENT, significant=True)
    sup = supervisor(tree, SupFlags(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), spec("a"), done)
    sibling = named(tree, "sup/a")

    named(tree, "sup/done").cast(lambda _: Stop(NORMAL))

    assert joined(sup) == SHUTDOWN
    assert joined(sibling) == SHUTDOWN


def test_a_childs_exit_is_no_message_to_its_siblings(tree: Tree) -> None:
    """Links run between supervisor and child only."""
    journal = Journal()
    sup = supervisor(tree, MANY, spec("a"), spec("b", TrappingProbe, journal))

    crash(named(tree, "sup/a"))
    refs(sup)
    do(named(tree, "sup/b"))

    assert journal.of(Exit) == []


class Unspeakable(Exception):
    """Whoever asks for its text fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_a_failed_restart_whose_error_has_no_text_is_tried_again(tree: Tree, events: Journal) -> None:
    """A child's data cannot fail its supervisor."""
    tries = itertools.count()

    def at_init(_: Any) -> None:
        if next(tries) in (1, 2):
            raise Unspeakable

    sup = supervisor(tree, MANY, spec("a", Probe, None, at_init))
    before = refs(sup)["a"]
    assert before is not None
    crash(before)
    events.wait_until(lambda notes: any(isinstance(note, ChildRestarted) for note in notes))

    assert next(tries) == 4
    assert len(events.of(ChildRestartFailed)) == 2


@pytest.mark.parametrize("flags", [{"strategy": "one_for_one"}, None, "one_for_one"])
def test_flags_that_are_none_are_named(tree: Tree, flags: Any) -> None:
    """A nested supervisor's are looked at when it starts: its start fails with what is wrong."""
    with pytest.raises(StartError, match=r"InvalidSpec: flags .* expected SupFlags"):
        tree.start_child(sup_spec("sup", flags))
