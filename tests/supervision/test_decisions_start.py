"""How a supervisor begins: in order, all or nothing; and what it refuses before it starts anything."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import Bench, one_for_one, simple

from supervision import (
    Actor,
    AutoShutdown,
    ChildSpec,
    Restart,
    Strategy,
    SupFlags,
    administration,
    decisions,
    shutdown,
)
from supervision.commands import ExitSelf, FailedToStartChild, OnFailure, Start
from supervision.errors import InvalidSpec
from supervision.sup_state import SupState

SIMPLE = SupFlags(strategy=Strategy.SIMPLE_ONE_FOR_ONE)


def named(*ids: str, **options: Any) -> list[ChildSpec]:
    """Return specs with these ids."""
    return [ChildSpec(id=id, start=Actor, **options) for id in ids]


def test_children_start_in_order() -> None:
    """As the specs are given; none runs before the one that stands before it."""
    state = SupState("sup", SupFlags())

    commands = decisions.begin(state, named("b", "a"))

    assert commands == [Start("b", OnFailure.ROLL_BACK), Start("a", OnFailure.ROLL_BACK)]
    assert [row.ref for row in state.children] == [None, None]


def test_a_failed_start_rolls_back() -> None:
    """Those before it run, those after it are not tried, and the supervisor exits saying which child it was."""
    bench = Bench(SupFlags(), named("a", "b", "c"), failing="b")

    assert bench.begun == [ExitSelf(shutdown(FailedToStartChild("b", "no disk")))]
    bench.run(decisions.stop_all(bench.state))
    assert bench.log == ["start a", "fail b", "stop a"]
    assert "child 'b' failed to start: no disk" in str(FailedToStartChild("b", "no disk"))


def test_a_child_that_ignores_at_the_begin_keeps_its_spec_unless_temporary() -> None:
    """OTP keeps the spec of a child whose init ignored, except a temporary one's; the others start."""
    kept, dropped = named("a"), named("b", restart=Restart.TEMPORARY)

    bench = Bench(SupFlags(), [*kept, *dropped, *named("c")], ignoring="ab")

    assert bench.log == ["ignore a", "ignore b", "start c"]
    assert bench.ids() == ["a", "c"]
    assert bench.running() == ["c"]
    assert bench.begun == []


def test_two_specs_with_one_id_are_refused_before_anything_starts() -> None:
    """Ids are unique among siblings."""
    with pytest.raises(InvalidSpec, match="id 'a': expected an id that no other child has"):
        decisions.begin(SupState("sup", SupFlags()), named("a", "b", "a"))


def test_a_significant_child_is_refused_where_its_end_means_nothing() -> None:
    """auto_shutdown is never by default; with another flag the same spec is taken."""
    specs = named("a", restart=Restart.TRANSIENT, significant=True)

    with pytest.raises(InvalidSpec, match=r"auto_shutdown 'never': expected .* child 'a' is significant"):
        decisions.begin(SupState("sup", SupFlags()), specs)
    for flag in (AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT):
        assert decisions.begin(SupState("sup", SupFlags(auto_shutdown=flag)), specs)


@pytest.mark.parametrize("ids", [[], ["a", "b"]])
def test_a_simple_one_for_one_needs_exactly_one_spec(ids: list[str]) -> None:
    """OTP's bad_start_spec."""
    with pytest.raises(InvalidSpec, match="expected exactly one spec") as raised:
        decisions.begin(SupState("sup", SIMPLE), named(*ids))

    assert raised.value.given == ids
    assert raised.value.field == "children"


def test_a_simple_one_for_one_starts_empty() -> None:
    """Its one spec is the template of children to come."""
    state = SupState("sup", SIMPLE)
    (spec,) = named("t")

    assert decisions.begin(state, [spec]) == []
    assert state.template == spec
    assert len(state.children) == 0


def test_mappings_are_specs_too() -> None:
    """As OTP's maps; a key that no spec has is refused."""
    bench = Bench(SupFlags(), [{"id": "a", "start": Actor}])  # type: ignore[list-item]

    assert bench.running() == ["a"]
    with pytest.raises(TypeError, match="colour"):
        Bench(SupFlags(), [{"id": "a", "start": Actor, "colour": "red"}])  # type: ignore[list-item]


# One more child


def test_one_more_child_comes_last() -> None:
    """It is started at once, and stands after the others."""
    bench = one_for_one(b={})

    assert bench.run(administration.add(bench.state, *named("a"))) == []
    assert bench.ids() == ["b", "a"]
    assert bench.running() == ["b", "a"]


@pytest.mark.parametrize("strategy", [each for each in Strategy if each is not Strategy.SIMPLE_ONE_FOR_ONE])
def test_a_child_that_fails_on_demand_is_forgotten(strategy: Strategy) -> None:
    """start_child: its caller is told, the spec is not kept, nothing is counted or retried."""
    bench = Bench(SupFlags(strategy=strategy), named("a"), failing="b")

    assert bench.run(administration.add(bench.state, *named("b"))) == []
    assert bench.ids() == ["a"]
    assert len(bench.state.window) == 0


def test_an_ignored_child_keeps_its_spec_unless_temporary() -> None:
    """As at the begin; what is forgotten leaves its id free."""
    bench = Bench(ignoring="ab")

    for id, restart in (("a", Restart.TRANSIENT), ("b", Restart.TEMPORARY)):
        bench.run(administration.add(bench.state, ChildSpec(id=id, start=Actor, restart=restart)))

    assert bench.ids() == ["a"]
    assert bench.row("a").ref is None


# Children made from a template


def test_a_child_made_from_a_template_gets_its_arguments_behind_the_templates() -> None:
    """And an id that no other has or had; everything else is the template's."""
    bench = simple(args=(1,), shutdown=0.5)

    ids = [bench.grow(2, 3), bench.grow()]
    bench.run(administration.stop_one(bench.state, bench.ref("t.2")))
    ids.append(bench.grow())

    assert ids == ["t.1", "t.2", "t.3"]
    assert bench.ids() == ["t.1", "t.3"]
    spec = bench.row("t.1").spec
    assert (spec.args, spec.shutdown, spec.restart) == ((1, 2, 3), 0.5, Restart.PERMANENT)
    assert bench.row("t.3").spec.args == (1,)


def test_a_made_child_keeps_its_arguments_over_a_restart() -> None:
    """The extra ones, too."""
    bench = simple()
    bench.grow("x")

    bench.crash("t.1")

    assert bench.running() == ["t.1"]
    assert bench.row("t.1").spec.args == ("x",)


def test_a_made_child_that_ignores_or_fails_is_forgotten() -> None:
    """Nothing is kept of it."""
    bench = simple()
    bench.ignoring, bench.failing = {"t.1"}, {"t.2"}

    bench.grow()
    bench.grow()

    assert bench.log == ["ignore t.1", "fail t.2"]
    assert bench.ids() == []


def test_a_made_child_that_ignores_its_restart_is_forgotten() -> None:
    """OTP 25 stores it as ``undefined``, and crashes when it stops: not to be imitated."""
    bench = simple()
    bench.grow()
    bench.ignoring = {"t.1"}

    assert bench.crash("t.1") == []
    assert bench.ids() == []


def test_either_kind_of_supervisor_refuses_what_only_the_other_takes() -> None:
    """A spec for one that has its template; arguments alone for one that has none. Nothing changes."""
    made, plain = simple(), one_for_one(a={})
    before = made.picture(), plain.picture()

    with pytest.raises(InvalidSpec, match="spec 'b': expected a sequence of extra arguments"):
        administration.add(made.state, *named("b"))
    with pytest.raises(InvalidSpec, match=r"spec \[1\]: expected a ChildSpec"):
        administration.add_dynamic(plain.state, [1])

    assert (made.picture(), plain.picture()) == before


def test_a_significant_child_is_refused_by_hand_too() -> None:
    """The flags are those of the running supervisor."""
    bench = one_for_one()

    with pytest.raises(InvalidSpec, match="auto_shutdown 'never'"):
        administration.add(bench.state, *named("a", restart=Restart.TEMPORARY, significant=True))
    assert bench.ids() == []
