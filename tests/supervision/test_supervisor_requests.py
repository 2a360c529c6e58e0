"""What others ask of a running supervisor: children by hand, by id and by handle."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from scripted import Boom, Gate, Journal, Probe, boom, crash, named, spec, sup_spec
from supervisors import MANY, refs, supervisor

from supervision import (
    IGNORE,
    Tree,
    VirtualClock,
)
from supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildRestarting,
    ChildRunning,
    InvalidSpec,
    NoSuchChild,
    StartError,
)
from supervision.supervisor import (
    ChildCounts,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)


def test_children_are_terminated_restarted_and_deleted_by_hand(tree: Tree) -> None:
    """A kept spec can be started again; what runs is neither deleted nor started twice; the caller is told."""
    sup = supervisor(tree, MANY, spec("a"), spec("b"))
    with pytest.raises(ChildRunning):
        delete_child(sup, "a")
    with pytest.raises(ChildRunning):
        restart_child(sup, "a")
    with pytest.raises(AlreadyStarted) as raised:
        start_child(sup, spec("a"))
    assert raised.value.ref == refs(sup)["a"]

    terminate_child(sup, "a")
    terminate_child(sup, "a")
    assert refs(sup)["a"] is None
    with pytest.raises(AlreadyPresent):
        start_child(sup, spec("a"))
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

    assert count_children(sup) == ChildCounts(specs=4, active=2, supervisors=1, workers=3)


def test_a_call_to_a_supervisor_waits_without_end_only_if_told(tree: Tree) -> None:
    """math.inf is spelled out; the default of which_children is 5 s."""
    sup = supervisor(tree, MANY, spec("a"))

    assert [row.id for row in which_children(sup, timeout=math.inf)] == ["a"]


def test_a_spec_is_given_back(tree: Tree) -> None:
    """By id, running or not; a handle is no id, as in OTP (``find_child``), where only made children have none."""
    a = spec("a", shutdown=0.5)
    sup = supervisor(tree, MANY, a, spec("b"))

    assert get_childspec(sup, "a") == a
    with pytest.raises(NoSuchChild, match="has: a, b"):
        get_childspec(sup, named(tree, "sup/b"))
    terminate_child(sup, "a")
    assert get_childspec(sup, "a") == a
    with pytest.raises(NoSuchChild):
        get_childspec(sup, "x")


def test_requests_that_wait_behind_a_failed_restart_see_it(
    tree: Tree, clock: VirtualClock, timers: Journal
) -> None:
    """They go before the next try, as in OTP: the child is restarting for them; terminating it ends the attempts."""
    held, entered, tries = Gate(), Gate(), []

    def init(_: Any) -> None:
        tries.append(1)
        if len(tries) > 1:
            entered.set()
            held.pass_through()
            raise Boom

    sup = supervisor(tree, MANY, spec("a", Probe, None, init), spec("b"))
    crash(named(tree, "sup/a"))
    entered.pass_through()
    answers: dict[Any, Any] = {}

    def ask(request: Callable[..., Any], patience: float, *args: Any) -> None:
        try:
            answers[request] = request(sup, *args, timeout=patience)
        except ChildRestarting as error:
            answers[request] = error.id

    # The supervisor is in the restart. Each request lies in its mailbox when its caller has begun to wait.
    askers = []
    requests = [(restart_child, "a"), (delete_child, "a"), (which_children,), (terminate_child, "a")]
    for patience, (request, *args) in enumerate(requests, 101):
        askers.append(threading.Thread(target=ask, args=(request, float(patience), *args)))
        askers[-1].start()
        timers.wait(clock.now() + patience)
    held.set()
    for asker in askers:
        asker.join()

    assert answers[restart_child] == answers[delete_child] == "a"
    assert [(row.ref is None, row.restarting) for row in answers[which_children]] == [
        (True, True),
        (False, False),
    ]
    assert answers[terminate_child] is None
    assert [(row.ref is None, row.restarting) for row in which_children(sup)] == [
        (True, False),
        (False, False),
    ]
    assert len(tries) == 2


@pytest.mark.parametrize("bad", [5, None, "a", b"a", {"id": "a"}, {1, 2}], ids=repr)
def test_a_start_of_what_is_no_spec_is_refused_where_it_is_asked(tree: Tree, bad: Any) -> None:
    """The supervisor does not hear of it, and goes on."""
    sup = supervisor(tree, MANY)

    with pytest.raises(InvalidSpec, match="expected a ChildSpec, or, for a simple_one_for_one, a list"):
        start_child(sup, bad)
    assert sup.is_alive()


@pytest.mark.parametrize("request_", [terminate_child, restart_child, delete_child, get_childspec])
@pytest.mark.parametrize("bad", [5, None, ["a"], b"a"], ids=repr)
def test_a_name_that_is_none_is_refused_where_it_is_asked(tree: Tree, request_: Any, bad: Any) -> None:
    """A caller's wrong type is no failure of the supervisor."""
    sup = supervisor(tree, MANY, spec("a"))

    with pytest.raises(TypeError):
        request_(sup, bad)
    assert refs(sup)["a"] is not None


#: The functions that take a supervisor first.
ASKING: dict[str, Callable[[Any], object]] = {
    "which_children": which_children,
    "count_children": count_children,
    "get_childspec": lambda given: get_childspec(given, "a"),
    "start_child": lambda given: start_child(given, spec("x")),
    "terminate_child": lambda given: terminate_child(given, "a"),
    "restart_child": lambda given: restart_child(given, "a"),
    "delete_child": lambda given: delete_child(given, "a"),
}


@pytest.mark.parametrize("given", [None, "t2", "the tree", "a worker"])
@pytest.mark.parametrize("name", ASKING)
def test_who_is_no_supervisor_is_not_asked(tree: Tree, name: str, given: Any) -> None:
    """Told in the caller, with what was expected; a worker, which would have crashed at it, lives on."""
    worker = tree.start_child(spec("a"))
    asked = {"the tree": tree, "a worker": worker}.get(given, given)

    with pytest.raises(TypeError, match=r"expected (a|the) Ref"):
        ASKING[name](asked)

    assert which_children(tree.root)[0].ref == worker
    assert worker is not None
    assert worker.call("well") == "well"
