"""What a dynamic supervisor does otherwise."""

from __future__ import annotations

import math
from typing import Any

import pytest
from scripted import Gate, Journal, Probe, TrappingProbe, boom, crash, joined, named, spec

from supervision import (
    BRUTAL_KILL,
    IGNORE,
    KILLED,
    NORMAL,
    SHUTDOWN,
    Backoff,
    ChildSpec,
    ChildType,
    DynamicSupervisor,
    ExitReason,
    Ref,
    Restart,
    Tree,
    VirtualClock,
)
from supervision.errors import AlreadyStarted, InvalidSpec, MaxChildren, NoSuchChild, StartError
from supervision.ref import cell_of
from supervision.supervisor import get_childspec, start_child, terminate_child, which_children


def dynamic(tree: Tree, **options: Any) -> Ref:
    """Start one under the tree's root."""
    ref = tree.start_child(
        ChildSpec(
            id="dyn",
            start=DynamicSupervisor,
            kwargs=options,
            restart=Restart.TEMPORARY,
            type=ChildType.SUPERVISOR,
        )
    )
    assert ref is not None
    return ref


def added(sup: Ref, id: str, *args: Any, **options: Any) -> Ref:
    """Start one more child."""
    ref = start_child(sup, spec(id, *args, **options))
    assert ref is not None
    return ref


def test_children_come_and_are_restarted_by_their_own_spec(tree: Tree) -> None:
    """It starts empty and is one_for_one; its intensity is OTP's default."""
    sup = dynamic(tree)
    assert which_children(sup) == ()
    a, b = added(sup, "a"), added(sup, "b")

    crash(a)
    rows = {row.id: row for row in which_children(sup)}

    assert rows["a"].ref != a
    assert rows["b"].ref == b
    crash(b)
    assert joined(sup) == SHUTDOWN


def test_a_temporary_child_is_forgotten(tree: Tree) -> None:
    """It leaves no row, so its id is free; nothing is counted."""
    sup = dynamic(tree, intensity=0)
    for _ in range(3):
        crash(added(sup, "a", restart=Restart.TEMPORARY))
        assert which_children(sup) == ()


@pytest.mark.parametrize("end", [NORMAL, SHUTDOWN])
def test_a_transient_child_that_is_done_is_forgotten(tree: Tree, end: ExitReason) -> None:
    """Elsewhere its spec would be kept; here its id is free again. What crashed instead is restarted."""
    sup = dynamic(tree)
    done, kept = added(sup, "a", restart=Restart.TRANSIENT), added(sup, "b", restart=Restart.TRANSIENT)

    done.stop(end)
    crash(kept)

    assert [(row.id, row.restarts) for row in which_children(sup)] == [("b", 1)]
    assert added(sup, "a").is_alive()


def test_a_child_is_terminated_by_its_handle_or_its_id_and_forgotten(tree: Tree) -> None:
    """Whatever its kind; unlike Elixir's they have ids. A handle that has ended is no child of its any more."""
    sup = dynamic(tree)
    a, b = added(sup, "a"), added(sup, "b")

    terminate_child(sup, a)
    terminate_child(sup, "b")

    assert [joined(a), joined(b)] == [SHUTDOWN, SHUTDOWN]
    assert which_children(sup) == ()
    for gone in (a, "b"):
        with pytest.raises(NoSuchChild, match="has: none"):
            terminate_child(sup, gone)


def test_a_child_that_is_being_restarted_is_terminated_by_its_old_handle(tree: Tree) -> None:
    """It is the only one there is; the attempts end with it."""
    sup = dynamic(tree)
    a = added(sup, "a", backoff=Backoff(first=60.0))
    crash(a)
    assert [row.restarting for row in which_children(sup)] == [True]

    terminate_child(sup, a)

    assert which_children(sup) == ()


def test_an_id_is_free_only_when_its_child_is_gone(tree: Tree) -> None:
    """The error has the handle of the one that runs."""
    sup = dynamic(tree)
    a = added(sup, "a")

    with pytest.raises(AlreadyStarted) as raised:
        start_child(sup, spec("a"))
    assert raised.value.ref == a


def test_a_child_that_ignores_is_not_kept(tree: Tree) -> None:
    """Neither at its start nor at its restart."""
    sup, answers = dynamic(tree), iter([IGNORE, None, IGNORE])

    assert start_child(sup, spec("a", Probe, None, lambda _: next(answers))) is None
    assert which_children(sup) == ()
    crash(added(sup, "a", Probe, None, lambda _: next(answers)))
    assert which_children(sup) == ()


def test_extra_arguments_stand_before_each_childs_own(tree: Tree) -> None:
    """Also when it is restarted; the spec that is given back has them."""
    journal = Journal()
    sup = dynamic(tree, extra_arguments=[journal])

    a = added(sup, "a", Probe, lambda _: journal("begun"))
    crash(a)

    assert [row.restarts for row in which_children(sup)] == [1]
    assert journal.of(str) == ["begun", "begun"]
    assert get_childspec(sup, "a").args[0] is journal
    assert get_childspec(sup, named(tree, "dyn/a")) == get_childspec(sup, "a"), (
        "its children come and go: a handle will do"
    )


def test_intensity_and_period_are_its_own(tree: Tree, clock: VirtualClock) -> None:
    """As SupFlags; the window slides."""
    sup = dynamic(tree, intensity=1, period=60.0)
    added(sup, "a")
    for _ in range(2):
        crash(named(tree, "dyn/a"))
        assert len(which_children(sup)) == 1
        clock.advance(60.1)
    crash(named(tree, "dyn/a"))
    assert len(which_children(sup)) == 1

    clock.advance(60.0)
    crash(named(tree, "dyn/a"))

    assert joined(sup) == SHUTDOWN


def test_no_limit_is_no_limit_and_none_at_all_is_none(tree: Tree) -> None:
    """math.inf is the default; 0 takes no child."""
    sup = dynamic(tree)
    assert all(added(sup, str(number)).is_alive() for number in range(20))
    terminate_child(tree.root, "dyn")

    with pytest.raises(MaxChildren, match="0 children"):
        start_child(dynamic(tree, max_children=0), spec("a"))


def test_arguments_alone_are_refused(tree: Tree) -> None:
    """It has no template."""
    with pytest.raises(InvalidSpec, match="expected a ChildSpec"):
        start_child(dynamic(tree), [1])


def test_a_significant_child_is_refused(tree: Tree) -> None:
    """It ends by itself only by giving up, as Elixir's."""
    with pytest.raises(InvalidSpec, match="auto_shutdown 'never'"):
        added(dynamic(tree), "a", restart=Restart.TEMPORARY, significant=True)


def test_max_children_are_taken_and_no_more(tree: Tree) -> None:
    """The error says what to do; when one ends, there is room again."""
    sup = dynamic(tree, max_children=2)
    a = added(sup, "a", restart=Restart.TEMPORARY)
    added(sup, "b", restart=Restart.TEMPORARY)

    with pytest.raises(MaxChildren, match=r"2 children \(max_children\); wait for one to end, or raise it"):
        start_child(sup, spec("c"))
    crash(a)

    assert added(sup, "c").is_alive()


@pytest.mark.parametrize("limit", [-1, 1.5, math.nan, "3", None, True])
def test_a_bad_limit_fails_the_start(tree: Tree, limit: Any) -> None:
    """Said at the start, not at the first child."""
    with pytest.raises(StartError, match=r"expected a whole number >= 0 or math.inf"):
        dynamic(tree, max_children=limit)


def test_a_child_that_fails_to_start_takes_no_place(tree: Tree) -> None:
    """Its spec is not kept, so it does not count."""
    sup = dynamic(tree, max_children=1)

    with pytest.raises(StartError):
        start_child(sup, spec("a", Probe, None, boom))

    assert added(sup, "a").is_alive()


def test_all_children_are_asked_to_stop_at_once(tree: Tree) -> None:
    """Each is in terminate while the others still are: they wait for one another here."""
    sup, journal = dynamic(tree), Journal()

    def meet(_: Any) -> None:
        journal("in terminate")
        journal.wait_for(6)

    refs = [added(sup, id, TrappingProbe, journal, None, meet) for id in "abc"]

    terminate_child(tree.root, "dyn")

    assert [joined(ref) for ref in refs] == [SHUTDOWN] * 3


def test_stopping_together_takes_the_longest_shutdown_and_not_the_sum(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """Each is waited for by its own shutdown, counted from the one moment in which all were asked."""
    sup, held, journal = dynamic(tree), Gate(), Journal()

    def deaf(_: Any) -> None:
        journal("deaf")
        held.pass_through()

    refs = [
        added(sup, id, TrappingProbe, shutdown=seconds)
        for id, seconds in (("a", 1.0), ("b", 3.0), ("c", 2.0))
    ]
    for ref in refs:
        ref.cast(deaf)
    journal.wait_for(3)

    sup.exit(SHUTDOWN, sender=tree.root)
    for moment in (1.0, 2.0, 3.0):
        # Waited for in any order; whoever is waited for last is killed 3 s after the begin.
        timers.wait_until(lambda notes: any(note > clock.now() and note <= 3.0 for note in notes))
        clock.advance(moment - clock.now())
    joined(sup)

    assert clock.now() == 3.0
    assert [joined(ref) for ref in refs] == [KILLED] * 3
    held.set()
    for ref in refs:
        thread = cell_of(ref).thread
        assert thread is not None
        thread.join()


def test_a_brutal_kill_does_not_wait_for_slower_siblings(tree: Tree) -> None:
    """It comes at once; here the sibling that was asked ends only after it."""
    sup, journal = dynamic(tree), Journal()
    killed = Journal()
    slow = added(sup, "slow", TrappingProbe, None, None, lambda _: killed.wait("down"))
    brutal = added(sup, "brutal", shutdown=BRUTAL_KILL)

    class Watcher(Probe):
        def handle_info(self, message: Any) -> None:
            killed("down")

    watcher = tree.start_child(spec("watcher", Watcher))
    assert watcher is not None
    brutal.monitor(watcher)

    terminate_child(tree.root, "dyn")

    assert joined(brutal) == KILLED
    assert joined(slow) == SHUTDOWN
    assert journal.notes == []
