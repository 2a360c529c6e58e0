"""Look into running actors, and hold them still: OTP's ``sys``. For tests, a console, a service's own diagnosis.

Each function blocks until the actor is between two messages, or *timeout* seconds of the tree's clock have passed. An
actor answers also while it is suspended. ``log``, ``trace``, ``statistics`` and ``install`` are absent: see docs/otp.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from supervision.exit_reason import NORMAL, ExitReason
from supervision.ref import Ref, cell_of
from supervision.requests import Describe, GetState, ReplaceState, Resume, Suspend
from supervision.system import ActorStatus

__all__ = ["ActorStatus", "get_state", "get_status", "replace_state", "resume", "suspend", "terminate"]


def get_state(ref: Ref, *, timeout: float = 5.0) -> Any:
    """Return the actor's state: what its ``system_get_state`` returns, by default a dict of its own attributes.

    The dict is the caller's; what is in it is the actor's own, so look, and do not change it.

    Raises:
        NoProcess, CallTimeout, ActorExited, CallSelf: As ``Ref.call``.
        TakesNoMessages: *ref* is a function.
    """
    return cell_of(ref).ask_system(GetState(), timeout)


def replace_state(ref: Ref, function: Callable[[Any], Any], *, timeout: float = 5.0) -> Any:
    """Replace the actor's state by what *function* makes of it, in the actor's thread; returns the new state.

    An exception in *function* is raised here, and the actor goes on with the state that it had.

    Raises:
        NoProcess, CallTimeout, ActorExited, CallSelf: As ``Ref.call``.
        TakesNoMessages: *ref* is a function, or a plain pykka actor.
        TypeError: *function* cannot be called; or what it returned is no state: by default a dict of attributes, of a
            ``StateMachine`` a pair of state and dict.
    """
    if not callable(function):
        raise TypeError(f"{function!r}: expected a function that is given the state and returns the new one")
    return cell_of(ref).ask_system(ReplaceState(function), timeout)


def get_status(ref: Ref, *, timeout: float = 5.0) -> ActorStatus:
    """Return what the framework knows of the actor, with its state as its ``format_status`` shows it.

    Raises:
        NoProcess, CallTimeout, ActorExited, CallSelf: As ``Ref.call``.
        TakesNoMessages: *ref* is a function, or a plain pykka actor.
    """
    status: ActorStatus = cell_of(ref).ask_system(Describe(), timeout)
    return status


def suspend(ref: Ref, *, timeout: float = 5.0) -> None:
    """Hold the actor still: messages wait, in order, until ``resume``. Suspending it twice is fine.

    Meanwhile it answers system requests, stops when it is asked to, and obeys exit signals: those of its supervisor,
    and all of them if it does not trap exits. A ``Timeout`` it waited with begins anew when it is resumed.

    Raises:
        NoProcess, CallTimeout, ActorExited, CallSelf: As ``Ref.call``.
        TakesNoMessages: *ref* is a function, or a plain pykka actor.
    """
    cell_of(ref).ask_system(Suspend(), timeout)


def resume(ref: Ref, *, timeout: float = 5.0) -> None:
    """Let a suspended actor go on; fine if it was not.

    Raises:
        NoProcess, CallTimeout, ActorExited, CallSelf: As ``Ref.call``.
        TakesNoMessages: *ref* is a function, or a plain pykka actor.
    """
    cell_of(ref).ask_system(Resume(), timeout)


def terminate(ref: Ref, reason: ExitReason = NORMAL, *, timeout: float = 5.0) -> bool:
    """Have the actor run ``terminate`` and end with *reason*, also while it is suspended; as ``Ref.stop``.

    Raises:
        CallSelf: From the actor's own thread; return ``Stop(reason)`` from a handler instead.
    """
    return ref.stop(reason, timeout=timeout)
