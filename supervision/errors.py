"""Every error that this package raises, typed by what the caller can do next.

Exit reasons are values and live in ``exit_reason``; an error here may carry one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from supervision.exit_reason import ExitReason, exception_behind

if TYPE_CHECKING:
    from supervision.ref import Ref

__all__ = [
    "ActorExited",
    "AlreadyPresent",
    "AlreadyRegistered",
    "AlreadyStarted",
    "CallSelf",
    "CallTimeout",
    "ChildActive",
    "ChildExists",
    "ChildRestarting",
    "ChildRunning",
    "InvalidSpec",
    "MaxChildren",
    "NoProcess",
    "NoSuchChild",
    "NotMainThread",
    "RequestAbandoned",
    "SenderKilled",
    "SimpleOneForOne",
    "StartError",
    "StopFromWithin",
    "SupervisionError",
    "TakesNoMessages",
    "TreeEnded",
    "TreeNotRunning",
]


class SupervisionError(Exception):
    """The base of every error of this project.

    Errors pickle by their constructor's arguments, so each keeps them in ``args``.
    """


class NoProcess(SupervisionError):
    """The actor was down already and the message was not delivered; look it up again, or start it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"actor {self.name!r} is not running; the message was not delivered. Look the name up again or start it"


class CallTimeout(SupervisionError, TimeoutError):
    """No reply came in time; the actor may still be handling the request."""

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(name, timeout)
        self.name = name
        self.timeout = timeout

    def __str__(self) -> str:
        return (
            f"actor {self.name!r} gave no reply within {self.timeout:g} s; it may still be handling the request. "
            "Give a longer timeout, or look at what it is doing"
        )


class ActorExited(SupervisionError):
    """The actor ended before it replied; ``reason`` says why. Whether the request had an effect is unknown."""

    def __init__(self, name: str, reason: ExitReason) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"actor {self.name!r} ended before it replied: {self.reason}. Whether the request had an effect is "
            "unknown: look before you repeat it"
        )


class CallSelf(SupervisionError):
    """An actor called itself, or stops its own tree, and would wait for ever; the text says what to do instead."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"actor {self.name!r} called itself, which could never be answered; use cast(), or a plain method"
        )


class StopFromWithin(CallSelf):
    """An actor stops its own tree and would wait for its own end; return ``Stop``, or stop it from another thread."""

    def __init__(self, name: str, tree: str) -> None:
        super().__init__(name)
        self.args = (name, tree)
        self.tree = tree

    def __str__(self) -> str:
        return (
            f"actor {self.name!r} stops its own tree {self.tree!r}, which would wait for it; return Stop(SHUTDOWN) as a "
            "significant child of a root with auto_shutdown, or have another thread call stop()"
        )


class StartError(SupervisionError):
    """An actor, child or tree did not start; ``reason`` says why, and nothing of it is left running."""

    def __init__(self, name: str, reason: Any) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name!r} did not start: {self.reason}. Nothing of it runs; mend the cause and start it again"


class AlreadyRegistered(SupervisionError):
    """The name is taken in this tree; choose another, or use the actor that holds it."""

    def __init__(self, name: str, tree: str, holder: str) -> None:
        super().__init__(name, tree, holder)
        self.name = name
        self.tree = tree
        self.holder = holder

    def __str__(self) -> str:
        return f"name {self.name!r} is taken in tree {self.tree!r} by {self.holder}; names are unique within one tree: choose another, or use that one"


class ChildExists(SupervisionError):
    """A child with this id is in the supervisor's table already; the two below say which of the two it is."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class AlreadyStarted(ChildExists):
    """The id is taken by a child that runs, as ``ref`` (OTP's ``{already_started, Pid}``)."""

    def __init__(self, id: str, ref: Ref) -> None:
        super().__init__(id)
        self.args = (id, ref)
        self.ref = ref

    def __str__(self) -> str:
        return (
            f"child {self.id!r} is already started, as {self.ref!r}; use that one, terminate_child() it first, or "
            "choose another id"
        )


class AlreadyPresent(ChildExists):
    """The id is taken by a spec that was kept and does not run (OTP's ``already_present``)."""

    def __str__(self) -> str:
        return (
            f"child {self.id!r} is already present, not running; restart_child() or delete_child() it (while it is "
            "being restarted, terminate_child() it first), or choose another id"
        )


class ChildActive(SupervisionError):
    """The child is not at rest, so its spec can be neither started nor deleted; the two below say why."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


class ChildRunning(ChildActive):
    """The child runs (OTP's ``running``)."""

    def __str__(self) -> str:
        return f"child {self.id!r} is running; terminate_child() it first"


class ChildRestarting(ChildActive):
    """The child's restart failed and is about to be tried again (OTP's ``restarting``)."""

    def __str__(self) -> str:
        return f"child {self.id!r} is being restarted; terminate_child() it first, which ends the attempts"


class SimpleOneForOne(SupervisionError):
    """A ``simple_one_for_one`` supervisor's children have no ids and no kept specs (OTP's ``simple_one_for_one``)."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id

    def __str__(self) -> str:
        return (
            f"{self.id!r}: the children of a simple_one_for_one supervisor have no ids; name one by its ref, to "
            "terminate_child(), or start_child() a new one"
        )


class InvalidSpec(SupervisionError, ValueError):
    """A child spec or a supervisor flag is not what it may be; ``field`` and ``given`` say which."""

    def __init__(self, field: str, given: Any, expected: str) -> None:
        super().__init__(field, given, expected)
        self.field = field
        self.given = given
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.field} {self.given!r}: expected {self.expected}"


class NoSuchChild(SupervisionError):
    """The supervisor has no child with this id (OTP's not_found)."""

    def __init__(self, id: str, known: Sequence[str]) -> None:
        super().__init__(id, tuple(known))
        self.id = id
        self.known = tuple(known)

    def __str__(self) -> str:
        return (
            f"no child {self.id!r} here; use one that this supervisor has: {', '.join(self.known) or 'none'}"
        )


class MaxChildren(SupervisionError):
    """The dynamic supervisor is full; wait for a child to end, or raise ``max_children``."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"this supervisor already has its {self.limit} children (max_children); wait for one to end, or raise it"


class TreeNotRunning(SupervisionError):
    """The tree is not in a state for this; ``state`` says in which.

    "not started", "already started", "ending", "ended", or "that of process ..." in a forked copy of the process.
    """

    def __init__(self, name: str, state: str) -> None:
        super().__init__(name, state)
        self.name = name
        self.state = state

    def __str__(self) -> str:
        remedy = (
            "call start(), or use it in a with statement"
            if self.state == "not started"
            else "a tree lives once: use it as it is, or make a new Tree"
        )
        return f"tree {self.name!r} is {self.state}; {remedy}"


class TreeEnded(TreeNotRunning):
    """The tree has ended; ``reason`` says why, and ``__cause__`` is the exception that it goes back to, if one is."""

    def __init__(self, name: str, reason: ExitReason) -> None:
        super().__init__(name, "ended")
        self.args = (name, reason)
        self.reason = reason
        self.__cause__ = exception_behind(reason)

    def __str__(self) -> str:
        return (
            f"tree {self.name!r} has ended: {self.reason}. A tree lives once: mend the cause, if something failed, "
            "and make a new Tree"
        )


class NotMainThread(SupervisionError):
    """Python lets only the main thread of the main interpreter handle signals; call it from there."""

    def __init__(self, what: str, thread: str) -> None:
        super().__init__(what, thread)
        self.what = what
        self.thread = thread

    def __str__(self) -> str:
        return (
            f"{self.what} in thread {self.thread!r}, but only the main thread can handle signals; call it there, or "
            "use Tree.start() and stop()"
        )


class RequestAbandoned(SupervisionError):
    """The request was given up by whoever sent it; send it again to have an answer."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"the request to actor {self.name!r} was abandoned before its answer came; send it again"


class SenderKilled(SupervisionError):
    """The thread that sends belongs to an actor that has been killed; return from the handler, nothing comes of it."""

    def __init__(self, name: str, to: str) -> None:
        super().__init__(name, to)
        self.name = name
        self.to = to

    def __str__(self) -> str:
        return (
            f"actor {self.name!r} has been killed, and its thread may call nobody any more (here {self.to!r}); "
            "it can only return"
        )


class TakesNoMessages(SupervisionError):
    """The request cannot be answered by what it was sent to: a function, or a plain pykka actor; ``wanted`` says which."""

    def __init__(self, name: str, kind: str, wanted: str) -> None:
        super().__init__(name, kind, wanted)
        self.name = name
        self.kind = kind
        self.wanted = wanted

    def __str__(self) -> str:
        return f"{self.name!r} is {self.kind}, which takes no {self.wanted}; make it an Actor"
