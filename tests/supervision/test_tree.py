"""A tree in a service: one life, one deadline, nothing shared with another tree."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from scripted import (
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
)

from supervision import (
    BRUTAL_KILL,
    KILLED,
    SHUTDOWN,
    AutoShutdown,
    ChildSpec,
    MonotonicClock,
    Restart,
    Strategy,
    Tree,
    VirtualClock,
)
from supervision.errors import StartError, StopFromWithin, TreeEnded, TreeNotRunning
from supervision.ref import cell_of
from supervision.supervisor import terminate_child, which_children


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
