"""What others may ask of a supervisor, by id and by handle; and each answer of OTP that is an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from core_bench import CRASH, Bench, one_for_one, simple

from supervision import (
    BRUTAL_KILL,
    NORMAL,
    Actor,
    ChildSpec,
    ChildType,
    Ref,
    Restart,
    Supervisor,
    administration,
)
from supervision.administration import ChildCounts, ChildInfo
from supervision.commands import OnFailure, Start, Stop
from supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildRestarting,
    ChildRunning,
    NoSuchChild,
    SimpleOneForOne,
)
from supervision.sup_state import SupState

STRANGER = Ref("stranger", 77)


def forgetful(*ids: str, **options: Any) -> Bench:
    """Return a dynamic supervisor's bench."""
    return Bench(specs=[ChildSpec(id=id, start=Actor, **options) for id in ids], forgets=True)


# The life of a spec by hand


def test_terminate_keeps_the_spec_restart_starts_it_delete_forgets_it() -> None:
    """In this order; a temporary child's spec goes with it. Nothing of it counts as a restart."""
    bench = one_for_one(a={}, b={"restart": Restart.TEMPORARY})

    bench.run(administration.stop_one(bench.state, "a"))
    bench.run(administration.stop_one(bench.state, "b"))
    assert bench.ids() == ["a"]
    bench.run(administration.restart_one(bench.state, "a"))
    bench.run(administration.stop_one(bench.state, "a"))
    assert administration.delete(bench.state, "a") == []

    assert bench.log == ["stop a", "stop b", "start a", "stop a"]
    assert bench.ids() == []
    assert len(bench.state.window) == 0


def test_a_child_is_stopped_by_its_own_shutdown() -> None:
    """The command names the incarnation that is meant."""
    bench = one_for_one(a={"shutdown": BRUTAL_KILL})

    assert administration.stop_one(bench.state, "a") == [Stop("a", bench.ref("a"), BRUTAL_KILL)]


def test_a_child_restarted_by_hand_keeps_its_place_and_its_count() -> None:
    """It is no restart in the sense of the intensity."""
    bench = one_for_one(a={}, b={})
    bench.run(administration.stop_one(bench.state, "a"))

    assert bench.run(administration.restart_one(bench.state, "a")) == []
    assert bench.ids() == ["a", "b"]
    assert bench.row("a").restarts == 0


def test_a_child_that_fails_when_restarted_by_hand_keeps_its_spec() -> None:
    """Its caller is told; nothing is retried."""
    bench = one_for_one(a={})
    bench.run(administration.stop_one(bench.state, "a"))
    bench.failing = {"a"}

    (start,) = administration.restart_one(bench.state, "a")

    assert start == Start("a", OnFailure.KEEP)
    assert bench.run([start]) == []
    assert bench.ids() == ["a"]
    assert bench.row("a").restarting is False
    bench.failing = set()
    bench.run(administration.restart_one(bench.state, "a"))
    assert bench.running() == ["a"]


def test_terminating_what_does_not_run_does_nothing() -> None:
    """Terminating twice is fine."""
    bench = one_for_one(a={}, b={"restart": Restart.TRANSIENT})
    bench.run(administration.stop_one(bench.state, "a"))
    bench.crash("b", NORMAL)
    before = bench.picture()

    assert administration.stop_one(bench.state, "a") == []
    assert administration.stop_one(bench.state, "b") == []
    assert bench.picture() == before


# Errors


@pytest.mark.parametrize(
    "request_",
    [
        administration.stop_one,
        administration.delete,
        administration.restart_one,
        administration.spec_of,
    ],
)
def test_an_unknown_child_is_named_with_the_known_ones(request_: Callable[[SupState, str], object]) -> None:
    """OTP's not_found; the text says what there is."""
    bench = one_for_one(a={}, b={})

    with pytest.raises(NoSuchChild, match=r"no child 'x' here; .* a, b"):
        request_(bench.state, "x")


FOR_CHILDREN_AT_REST: Sequence[Callable[[SupState, str], object]] = (
    administration.delete,
    administration.restart_one,
)


@pytest.mark.parametrize("request_", FOR_CHILDREN_AT_REST)
def test_what_runs_is_neither_deleted_nor_restarted(request_: Callable[[SupState, str], object]) -> None:
    """OTP's running; nothing changes."""
    bench = one_for_one(a={})
    before = bench.picture()

    with pytest.raises(ChildRunning, match=r"'a' is running; terminate_child\(\) it first"):
        request_(bench.state, "a")

    assert bench.picture() == before


@pytest.mark.parametrize("request_", FOR_CHILDREN_AT_REST)
def test_what_is_being_restarted_is_the_supervisors_to_start(
    request_: Callable[[SupState, str], object],
) -> None:
    """OTP's restarting; terminating it ends the attempts."""
    bench = one_for_one(a={})
    bench.failing = {"a"}
    bench.crash("a")

    with pytest.raises(ChildRestarting, match="child 'a' is being restarted"):
        request_(bench.state, "a")
    old = bench.row("a").ended
    assert old is not None
    bench.run(administration.stop_one(bench.state, "a"))

    assert bench.log == ["fail a"]
    assert bench.row("a").restarting is False
    assert bench.state.children.by_ref(old) is None
    request_(bench.state, "a")


def test_an_id_that_runs_is_already_started() -> None:
    """The error has the handle that runs, so that it can be used instead."""
    bench = one_for_one(a={})
    before = bench.picture()

    with pytest.raises(AlreadyStarted) as raised:
        administration.add(bench.state, ChildSpec(id="a", start=Actor))

    assert raised.value.ref == bench.ref("a")
    assert raised.value.id == "a"
    assert bench.picture() == before


@pytest.mark.parametrize("restarting", [False, True])
def test_a_kept_spec_blocks_its_id(restarting: bool) -> None:
    """OTP's already_present, also while a restart is to come."""
    bench = one_for_one(a={})
    if restarting:
        bench.failing = {"a"}
        bench.crash("a")
    else:
        bench.run(administration.stop_one(bench.state, "a"))

    with pytest.raises(
        AlreadyPresent, match=r"'a' is already present.* restart_child\(\) or delete_child\(\) it"
    ):
        administration.add(bench.state, ChildSpec(id="a", start=Actor))


@pytest.mark.parametrize(
    "request_", [administration.stop_one, administration.delete, administration.restart_one]
)
@pytest.mark.parametrize("id", ["t", "t.1", "x"])
def test_a_simple_one_for_one_knows_no_ids(request_: Callable[[SupState, str], object], id: str) -> None:
    """OTP's simple_one_for_one, whatever the id; nothing changes."""
    bench = simple()
    bench.grow()
    before = bench.picture()

    with pytest.raises(SimpleOneForOne, match="have no ids; name one by its ref") as raised:
        request_(bench.state, id)

    assert raised.value.id == id
    assert bench.picture() == before


# By handle


@pytest.mark.parametrize("dynamic", ["made", "forgetful"])
def test_a_dynamic_child_is_stopped_by_its_handle_and_forgotten(dynamic: str) -> None:
    """Nothing of it is kept, whatever its kind."""
    bench = simple() if dynamic == "made" else forgetful("t.1", "t.2")
    while len(bench.ids()) < 2:
        bench.grow()

    bench.run(administration.stop_one(bench.state, bench.ref("t.1")))

    assert bench.log[-1] == "stop t.1"
    assert bench.ids() == ["t.2"]


def test_a_dynamic_supervisors_child_is_stopped_by_its_id_too() -> None:
    """The id is its name in the tree; Elixir's have none."""
    bench = forgetful("a", "b")

    bench.run(administration.stop_one(bench.state, "a"))

    assert bench.ids() == ["b"]


@pytest.mark.parametrize("dynamic", ["made", "forgetful"])
def test_a_dynamic_child_that_waits_for_its_restart_goes_by_its_old_handle(dynamic: str) -> None:
    """The only one that anybody has; its restart is obsolete then, and its id free."""
    bench = simple() if dynamic == "made" else forgetful("t.1")
    if dynamic == "made":
        bench.grow()
    old = bench.ref("t.1")
    bench.failing = {"t.1"}
    bench.crash("t.1")

    assert administration.stop_one(bench.state, old, dead=True) == []

    assert bench.ids() == []
    assert bench.due() == []


def test_an_end_of_a_dynamic_supervisors_child_leaves_nothing() -> None:
    """Though a transient child's spec would be kept elsewhere; a restart that ignores, too."""
    bench = forgetful("a", "b", restart=Restart.TRANSIENT)
    bench.crash("a", NORMAL)
    bench.ignoring = {"b"}
    bench.crash("b", CRASH)

    assert bench.ids() == []


def test_a_handle_that_has_ended_is_fine_for_a_simple_one_for_one_only() -> None:
    """OTP's answer is ok, for it may have been a child; Elixir's dynamic supervisor says not_found."""
    assert administration.stop_one(simple().state, STRANGER, dead=True) == []
    for bench in (simple(), forgetful("a"), one_for_one(a={})):
        with pytest.raises(NoSuchChild, match="<stranger#77>"):
            administration.stop_one(bench.state, STRANGER)
    for bench in (forgetful("a"), one_for_one(a={})):
        with pytest.raises(NoSuchChild):
            administration.stop_one(bench.state, STRANGER, dead=True)


def test_a_static_child_is_not_stopped_by_its_handle() -> None:
    """OTP's not_found: its name is its id, and the handle changes with each restart."""
    bench = one_for_one(a={})

    with pytest.raises(NoSuchChild, match="has: a"):
        administration.stop_one(bench.state, bench.ref("a"))


# What is known


def test_a_spec_is_given_by_id() -> None:
    """As it was given, also when the child does not run; by a handle, of a live child or a dead one, never (OTP's)."""
    bench = one_for_one(a={"shutdown": 0.5}, b={})
    ref = bench.ref("a")

    assert administration.spec_of(bench.state, "a") == ChildSpec(id="a", start=Actor, shutdown=0.5)
    with pytest.raises(NoSuchChild, match=r"<a#\d+>.* has: a, b"):
        administration.spec_of(bench.state, ref)
    bench.run(administration.stop_one(bench.state, "a"))
    assert administration.spec_of(bench.state, "a").id == "a"
    for dead in (False, True):
        with pytest.raises(NoSuchChild, match=r"<a#\d+>.* has: a, b"):
            administration.spec_of(bench.state, ref, dead=dead)


def test_the_spec_of_a_made_child_is_the_template() -> None:
    """By the template's id, or the handle of a child; an ended one may have been made from it (OTP's answer)."""
    bench = simple(args=(1,))
    bench.grow(2)
    template = ChildSpec(id="t", start=Actor, args=(1,))

    assert administration.spec_of(bench.state, "t") == template
    assert administration.spec_of(bench.state, bench.ref("t.1")) == template
    assert administration.spec_of(bench.state, STRANGER, dead=True) == template
    with pytest.raises(NoSuchChild, match=r"'t\.1' here; .* has: t$"):
        administration.spec_of(bench.state, "t.1")
    with pytest.raises(NoSuchChild, match=r"<stranger#77>"):
        administration.spec_of(bench.state, STRANGER)


def test_counts_are_otps_four() -> None:
    """Specs, those that are alive, supervisors and workers, running or not."""
    specs = [
        ChildSpec(id="a", start=Actor),
        ChildSpec(id="b", start=Actor, restart=Restart.TRANSIENT),
        ChildSpec(id="dying", start=Actor),
        ChildSpec(id="s", start=Supervisor, type=ChildType.SUPERVISOR),
    ]
    bench = Bench(specs=specs)
    bench.crash("b", NORMAL)
    dying = bench.ref("dying")

    counts = administration.count(bench.state, lambda ref: ref != dying)

    assert counts == ChildCounts(specs=4, active=2, supervisors=1, workers=3)


def test_a_template_is_one_spec_however_many_are_made() -> None:
    """And counts as none of its children."""
    bench = simple(type=ChildType.SUPERVISOR)
    assert administration.count(bench.state, lambda _: True) == ChildCounts(1, 0, 0, 0)
    for _ in range(3):
        bench.grow()

    assert administration.count(bench.state, lambda _: True) == ChildCounts(1, 3, 3, 0)


def test_rows_tell_what_is_known_of_each_child() -> None:
    """In start order: which runs as whom and what it is, which is about to be tried again, how often each came back."""
    specs = [
        ChildSpec(id="a", start=Actor),
        ChildSpec(id="at rest", start=Actor),
        ChildSpec(id="back", start=Actor),
        ChildSpec(id="s", start=Supervisor, type=ChildType.SUPERVISOR),
    ]
    bench = Bench(specs=specs)
    bench.crash("a")
    bench.run(administration.stop_one(bench.state, "at rest"))
    bench.failing.add("back")
    bench.crash("back")

    assert administration.rows(bench.state) == (
        ChildInfo("a", bench.ref("a"), ChildType.WORKER, restarting=False, restarts=1),
        ChildInfo("at rest", None, ChildType.WORKER, restarting=False, restarts=0),
        ChildInfo("back", None, ChildType.WORKER, restarting=True, restarts=0),
        ChildInfo("s", bench.ref("s"), ChildType.SUPERVISOR, restarting=False, restarts=0),
    )
