"""Every error: pickled whole, of one base, with a text that says what to do."""

from __future__ import annotations

import inspect
import pickle

import pytest

from supervision import Ref, errors, shutdown
from supervision.errors import SupervisionError
from supervision.exit_reason import SHUTDOWN, crashed
from supervision.statem import IllegalTransition

EXAMPLES: list[tuple[SupervisionError, str]] = [
    (errors.NoProcess("t/a"), "Look the name up again or start it"),
    (errors.CallTimeout("t/a", 5.0), "Give a longer timeout"),
    (errors.ActorExited("t/a", crashed("disk")), "look before you repeat it"),
    (errors.CallSelf("t/a"), "use cast(), or a plain method"),
    (errors.StopFromWithin("t/a", "t"), "have another thread call stop()"),
    (errors.StartError("t/a", shutdown("x")), "mend the cause"),
    (errors.AlreadyRegistered("t/a", "t", "<t/a#1>"), "choose another"),
    (errors.AlreadyStarted("a", Ref("t/a", 1)), "terminate_child() it first"),
    (errors.AlreadyPresent("a"), "restart_child() or delete_child() it"),
    (errors.ChildRunning("a"), "terminate_child() it first"),
    (errors.ChildRestarting("a"), "terminate_child() it first, which ends the attempts"),
    (errors.SimpleOneForOne("a"), "name one by its ref"),
    (errors.InvalidSpec("shutdown", -1, "seconds >= 0"), "shutdown -1: expected seconds >= 0"),
    (errors.NoSuchChild("x", ("a", "b")), "use one that this supervisor has: a, b"),
    (errors.NoSuchChild("x", ()), "has: none"),
    (errors.NotMainThread("serve() was called", "side"), "call it there"),
    (errors.MaxChildren(3), "wait for one to end, or raise it"),
    (errors.TreeNotRunning("t", "not started"), "call start()"),
    (errors.TreeNotRunning("t", "already started"), "make a new Tree"),
    (errors.TreeNotRunning("t", "ended"), "make a new Tree"),
    (errors.TreeNotRunning("t", "ending"), "make a new Tree"),
    (errors.TreeEnded("t", shutdown("x")), "make a new Tree"),
    (errors.RequestAbandoned("t/a"), "send it again"),
    (errors.SenderKilled("t/a", "t/b"), "it can only return"),
    (errors.TakesNoMessages("t/a", "a function", "calls"), "make it an Actor"),
    (IllegalTransition("a door", "shut", "pull", ("push",)), "it can take push"),
]


@pytest.mark.parametrize(("error", "remedy"), EXAMPLES, ids=[repr(error) for error, _ in EXAMPLES])
def test_an_error_pickles_and_says_what_to_do(error: SupervisionError, remedy: str) -> None:
    """The copy is of the same class, with the same fields and text; the text has the remedy and what was given."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
    assert remedy in str(error)
    assert repr(next(iter(vars(error).values()))).strip("'") in str(error)


#: What is raised, and has a kind of its own below it.
BOTH = {errors.TreeNotRunning, errors.CallSelf}


def test_every_error_is_in_the_table_and_of_the_base() -> None:
    """One base class for whoever wants to catch all, and an example here for each."""
    public = {getattr(errors, name) for name in errors.__all__} - {SupervisionError}
    raised = {error for error in public if not error.__subclasses__() or error in BOTH}

    assert all(inspect.isclass(error) and issubclass(error, SupervisionError) for error in public)
    assert raised <= {type(error) for error, _ in EXAMPLES}
    assert public - raised == {errors.ChildExists, errors.ChildActive}  # what two errors have in common


def test_what_can_be_caught_together_has_a_common_class() -> None:
    """The id is taken; the child is not at rest; the value is wrong."""
    assert {type(error) for error, _ in EXAMPLES if isinstance(error, errors.ChildExists)} == {
        errors.AlreadyStarted,
        errors.AlreadyPresent,
    }
    assert {type(error) for error, _ in EXAMPLES if isinstance(error, errors.ChildActive)} == {
        errors.ChildRunning,
        errors.ChildRestarting,
    }
    assert issubclass(errors.InvalidSpec, ValueError)


def test_a_call_timeout_is_a_timeout_error() -> None:
    """Whoever catches Python's own timeout catches ours."""
    assert issubclass(errors.CallTimeout, TimeoutError)


def test_an_error_that_carries_a_reason_gives_it() -> None:
    """The caller decides on the reason, not on the text."""
    assert errors.ActorExited("a", SHUTDOWN).reason == SHUTDOWN
