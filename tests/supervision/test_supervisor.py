"""The supervisor with real threads: who is restarted, how often, in which order, and what becomes of the deaf."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, TrappingProbe, boom, crash, do, joined, named, spec, sup_spec

from supervision import (
    BRUTAL_KILL,
    IGNORE,
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
from supervision.errors import ChildExists, NoSuchChild, StartError
from supervision.events import ActorUnstopped, ChildRestarted, ChildRestartFailed, SupervisorGaveUp
from supervision.ref import cell_of
from supervision.supervisor import (
    count_children,
    delete_child,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)


def supervisor(tree: Tree, flags: SupFlags, *children: ChildSpec, id: str = "sup") -> Ref:
    """Start a temporary supervisor under the tree's root."""
    ref = tree.start_child(sup_spec(id, flags, *children))
    assert ref is not None
    return ref


def refs(sup: Ref) -> dict[str, Ref | None]:
    """Return the children's refs; a call, and so the barrier behind which every exit before was dealt with."""
    return {row.id: row.ref for row in which_children(sup)}


def noted_child(id: str, journal: Journal, **options: Any) -> ChildSpec:
    """Return a child that notes its start and its end."""
    return spec(id, TrappingProbe, journal, lambda _: journal(("init", id)), **options)


MANY = SupFlags(intensity=100)
REST = SupFlags(strategy=Strategy.REST_FOR_ONE, intensity=100)


# Who is restarted


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


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("end", ["quiet", "crash", "killed"])
@pytest.mark.parametrize("restart", Restart)
def test_restart_follows_the_exit_reason(tree: Tree, strategy: Strategy, restart: Restart, end: str) -> None:
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


@pytest.mark.parametrize(("gap", "survives"), [(0.0, False), (4.9, False), (5.0, False), (5.1, True)])
def test_a_supervisor_gives_up_at_intensity_plus_one_within_the_period(
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


def test_giving_up_escalates_to_the_supervisor_above(tree: Tree) -> None:
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


# Requests


def test_children_are_terminated_restarted_and_deleted_by_hand(tree: Tree) -> None:
    """A kept spec can be started again; what runs is neither deleted nor started twice; the caller is told."""
    sup = supervisor(tree, MANY, spec("a"), spec("b"))
    with pytest.raises(ChildExists):
        delete_child(sup, "a")
    with pytest.raises(ChildExists):
        restart_child(sup, "a")
    with pytest.raises(ChildExists):
        start_child(sup, spec("a"))

    terminate_child(sup, "a")
    terminate_child(sup, "a")
    assert refs(sup)["a"] is None
    again = restart_child(sup, "a")
    assert again is not None
    assert again.is_alive()
    assert list(refs(sup)) == ["a", "b"]
    terminate_child(sup, "a")
    delete_child(sup, "a")

    assert list(refs(sup)) == ["b"]
    for request in (terminate_child, restart_child, delete_child):
        with pytest.raises(NoSuchChild, match="has: b"):
            request(sup, "a")
    assert sup.is_alive()


def test_a_start_by_hand_that_fails_is_the_callers(tree: Tree) -> None:
    """The cause is raised there; the spec is not kept, the supervisor goes on."""
    sup = supervisor(tree, MANY)

    with pytest.raises(StartError, match="Boom"):
        start_child(sup, spec("a", Probe, None, boom))

    assert refs(sup) == {}
    assert start_child(sup, spec("a")) is not None


def test_counts_are_otps_four(tree: Tree) -> None:
    """specs, active, supervisors and workers."""
    sup = supervisor(tree, MANY, spec("a"), spec("b"), spec("ignored", Probe, None, lambda _: IGNORE))
    start_child(sup, sup_spec("inner", MANY))
    terminate_child(sup, "b")

    assert count_children(sup) == {"specs": 4, "active": 2, "supervisors": 1, "workers": 3}


def test_a_significant_child_that_is_done_ends_its_supervisor(tree: Tree) -> None:
    """With auto_shutdown; the siblings are stopped, the reason is shutdown."""
    done = spec("done", restart=Restart.TRANSIENT, significant=True)
    sup = supervisor(tree, SupFlags(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT), spec("a"), done)
    sibling = named(tree, "sup/a")

    named(tree, "sup/done").cast(lambda _: Stop(NORMAL))

    assert joined(sup) == SHUTDOWN
    assert joined(sibling) == SHUTDOWN


# Stopping


def test_children_stop_in_reverse_start_order(tree: Tree) -> None:
    """One after the other, whole subtrees included."""
    journal = Journal()
    inner = sup_spec("inner", MANY, noted_child("b", journal), noted_child("c", journal))
    sup = supervisor(tree, MANY, noted_child("a", journal), inner, noted_child("d", journal))
    begun = len(journal.notes)

    terminate_child(tree.root, "sup")

    assert [id for _, id, _ in journal.notes[begun:]] == ["d", "c", "b", "a"]
    assert joined(sup) == SHUTDOWN


def test_a_brutal_kill_does_not_ask(tree: Tree) -> None:
    """No terminate, the reason is killed, and an idle thread ends by itself."""
    journal = Journal()
    sup = supervisor(tree, MANY, spec("a", TrappingProbe, journal, shutdown=BRUTAL_KILL))
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == KILLED
    assert journal.notes == []
    thread = cell_of(ref).thread
    assert thread is not None
    thread.join()


def test_shutdown_zero_asks_and_does_not_wait(tree: Tree) -> None:
    """Unlike a brutal kill it asks; what does not end there and then is killed."""
    held = Gate()
    sup = supervisor(
        tree, MANY, spec("a", TrappingProbe, None, None, lambda _: held.pass_through(), shutdown=0)
    )
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == KILLED
    held.set()


def test_a_child_that_ignores_its_shutdown_is_abandoned(
    tree: Tree, clock: VirtualClock, timers: Journal, events: Journal
) -> None:
    """It counts as killed, an event and the tree name it, and its supervisor goes on; until its thread ends."""
    entered, held = Gate(), Gate()
    sup = supervisor(tree, MANY, spec("deaf", TrappingProbe, shutdown=3.0), spec("b"))
    deaf = named(tree, "sup/deaf")

    def ignore(_: Any) -> None:
        entered.set()
        held.pass_through()

    deaf.cast(ignore)
    entered.pass_through()
    stopper = threading.Thread(target=lambda: terminate_child(sup, "deaf"))
    stopper.start()
    timers.wait(3.0)
    clock.advance(2.9)
    assert deaf.is_alive()
    clock.advance(0.1)
    stopper.join()

    assert joined(deaf) == KILLED
    (event,) = events.of(ActorUnstopped)
    assert event == ActorUnstopped(actor=deaf.name, incarnation=deaf.incarnation, waited=3.0)
    assert event.describe() == f"{deaf.name} did not stop within 3 s; its thread was abandoned"
    assert tree.unstopped() == (deaf,)
    new = restart_child(sup, "deaf")
    assert new is not None
    assert do(new, lambda _: "goes on") == "goes on"
    held.set()
    thread = cell_of(deaf).thread
    assert thread is not None
    thread.join()
    assert tree.unstopped() == ()


def test_a_child_that_ends_in_time_is_not_abandoned(tree: Tree, events: Journal) -> None:
    """The twin: it runs terminate, its reason is shutdown, no event complains."""
    journal = Journal()
    sup = supervisor(tree, MANY, noted_child("a", journal, shutdown=3.0))
    ref = named(tree, "sup/a")

    terminate_child(sup, "a")

    assert joined(ref) == SHUTDOWN
    assert journal.notes[-1] == ("terminate", "a", SHUTDOWN)
    assert events.of(ActorUnstopped) == []
    assert tree.unstopped() == ()


@pytest.mark.parametrize("end", [lambda ref: ref.exit(KILLED), crash], ids=["killed", "crash in a request"])
def test_a_supervisor_that_ends_takes_its_children_along(tree: Tree, end: Callable[[Ref], Any]) -> None:
    """Killed, its children get the signal; crashed, it stops them itself: none is left running."""
    journal = Journal()
    sup = supervisor(tree, MANY, noted_child("a", journal), spec("b"))
    children = [named(tree, "sup/a"), named(tree, "sup/b")]

    if end is crash:
        sup.cast("no supervisor takes casts")
        joined(sup)
    else:
        end(sup)

    for child in children:
        joined(child)
    assert journal.notes[-1][:2] == ("terminate", "a")


def test_an_orphan_that_still_ends_gives_its_name_to_its_successor(tree: Tree) -> None:
    """A killed supervisor is restarted while what it had is ending: its successor's children start at once (OTP's rule).

    The orphan is named among the unstopped until its thread has ended; nobody finds it by its name any more, and its
    end takes nothing from its successor. The same holds two supervisors below the killed one.
    """
    held = Gate()
    slow = spec("a", TrappingProbe, kwargs={"at_terminate": lambda _: held.pass_through()})
    tree.start_child(
        sup_spec(
            "top", MANY, sup_spec("sup", MANY, slow, restart=Restart.PERMANENT), restart=Restart.PERMANENT
        )
    )
    orphan = named(tree, "top/sup/a")

    named(tree, "top").exit(KILLED)
    which_children(tree.root)

    successor = named(tree, "top/sup/a")
    assert successor != orphan
    assert orphan in tree.unstopped()
    held.set()
    joined(orphan)
    assert named(tree, "top/sup/a") == successor


def test_a_childs_exit_is_no_message_to_its_siblings(tree: Tree) -> None:
    """Links run between supervisor and child only."""
    journal = Journal()
    sup = supervisor(tree, MANY, spec("a"), spec("b", TrappingProbe, journal))

    crash(named(tree, "sup/a"))
    refs(sup)
    do(named(tree, "sup/b"))

    assert journal.of(Exit) == []


def test_a_call_to_a_supervisor_waits_without_end_only_if_told(tree: Tree) -> None:
    """math.inf is spelled out; the default of which_children is 5 s."""
    sup = supervisor(tree, MANY, spec("a"))

    assert [row.id for row in which_children(sup, timeout=math.inf)] == ["a"]
