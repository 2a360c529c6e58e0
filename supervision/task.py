"""Plain functions as children: ``ChildSpec(start=function, args=...)`` runs it in a thread of its own, supervised.

It has started when its thread has, or, with ``awaits_ready``, when it says so. To return is to end with ``normal``, to
raise to end with ``crashed(exception)``. It takes no messages; what it is told is to stop, and it looks for that with
``stopping``.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeVar, final

from supervision.cell import Cell
from supervision.clock import open_gate
from supervision.errors import TakesNoMessages
from supervision.exit_reason import NORMAL, ExitReason, crashed
from supervision.links import Effect, effect_of_exit
from supervision.messages import Down
from supervision.ref import Ref
from supervision.requests import Call, GetStatus, Question, StopRequest, SystemCall, Wake

__all__ = ["FunctionInbox", "awaits_ready", "is_function", "launch", "ready", "self_ref", "stopping"]

F = TypeVar("F", bound=Callable[..., Any])


def awaits_ready(function: F) -> F:
    """Have *function*, as a child, count as started only when it calls ``ready``; a decorator.

    Whoever starts it waits, at most its start timeout. To return or to raise before is a start that failed; one that
    is not ready in time is told to stop, and has its shutdown time for it. It is an actor's ``AwaitReady``.
    """
    vars(function)[_AWAITS] = True
    return function


def ready(info: object = None) -> bool:
    """Answer the start of the function that runs in this thread; see ``Actor.ready``.

    Args:
        info: What the starter reads as ``ref.info``.

    Returns:
        Whether this answered it: False the second time, too late, or if *function* does not await it.

    Raises:
        LookupError: The calling thread is not that of a function under supervision.
    """
    return _current.get().cell.started(info)


def stopping(timeout: float = 0.0) -> bool:
    """Return whether this function has been told to stop; to be asked from within one that runs as a child.

    It should then return soon: after its shutdown time its thread is abandoned, and counts as killed. A loop with a
    pause is ``while not stopping(1.0): ...``.

    Args:
        timeout: Seconds of the tree's clock to wait for it; ends as soon as it is told. ``math.inf`` waits until
            then, 0 only looks.

    Raises:
        LookupError: The calling thread is not that of a function under supervision.
    """
    return _current.get().wait(timeout)


def self_ref() -> Ref:
    """Return the handle of the function that runs in this thread; OTP's ``self()``.

    Raises:
        LookupError: The calling thread is not that of a function under supervision.
    """
    return _current.get().cell.ref


def is_function(start: object) -> bool:
    """Return whether *start* is to be run as a function: whatever can be called and is no class."""
    return callable(start) and not isinstance(start, type)


@final
class FunctionInbox:
    """Where a function's messages would lie: each is dealt with at once, in its sender's thread."""

    def __init__(self) -> None:
        self.cell: Cell  #: set once, before anybody can send
        #: Why it is to stop, once it is.
        self.told: ExitReason | None = None
        self._lock = threading.Lock()  #: guards the gates and the write of ``told``
        self._gates: deque[threading.Lock] = deque()

    def put(self, item: Any) -> None:
        match item:
            case Wake():
                self._take_signals()
            case StopRequest(reason=reason):
                self._tell(reason)
            case SystemCall(request=GetStatus()):
                item.reply({"function": "stopping"} if self.told is not None else {})
            case SystemCall(request=request):
                self._fail(item, f"request {type(request).__name__}")
            case Call():
                self._fail(item, "calls")
            case Down():
                self.cell.hears(item)

    def close(self, refuse: Callable[[Question], object]) -> None:
        """Have it told, if it was not, that it is over."""
        self._tell(self.cell.reason or NORMAL)

    def wait(self, timeout: float) -> bool:
        """See ``stopping``."""
        if self.told is None and timeout > 0:
            gate = threading.Lock()
            gate.acquire()
            with self._lock:
                if self.told is not None:
                    return True
                self._gates.append(gate)
            self.cell.context.clock.acquire(gate, timeout)
            with self._lock:
                if gate in self._gates:
                    self._gates.remove(gate)
        return self.told is not None

    def _tell(self, reason: ExitReason) -> None:
        with self._lock:
            if self.told is None:
                self.told = reason
            gates = list(self._gates)
            self._gates.clear()
        for gate in gates:
            open_gate(gate)

    def _take_signals(self) -> None:
        signals = self.cell.signals
        while signals:
            try:
                signal = signals.popleft()
            except IndexError:  # another sender was faster
                return
            if effect_of_exit(signal.reason, trap_exit=False, from_parent=False) is not Effect.IGNORE:
                self._tell(signal.reason)

    def _fail(self, call: Call, wanted: str) -> None:
        call.fail(TakesNoMessages(self.cell.ref.name, "a function", wanted))


#: The attribute of a function that ``awaits_ready``.
_AWAITS: Final = "__awaits_ready__"
#: The function that runs in this thread; a thread that it starts is not it.
_current: Final[ContextVar[FunctionInbox]] = ContextVar("supervision.task")


def launch(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    cell: Cell,
) -> None:
    """Run *function* in a thread of its own.

    Raises:
        TypeError: It is a coroutine function, or does not take these arguments.
    """
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"start {function.__qualname__}: a coroutine function runs in no thread by itself; give a function that "
            "calls asyncio.run"
        )
    _check_arguments(function, args, kwargs)
    inbox = cell.inbox
    assert isinstance(inbox, FunctionInbox)
    waits = cell.awaits_ready = _does_await(function)

    def run() -> None:
        cell.thread_began()
        _current.set(inbox)
        if not waits:
            cell.started()
        try:
            function(*args, **kwargs)
            reason = inbox.told or NORMAL
        except BaseException as error:
            reason = crashed(error)
        cell.finish(reason)
        cell.thread_ended()

    cell.thread = threading.Thread(target=run, name=cell.ref.name, daemon=True)
    cell.thread.start()


def _does_await(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return bool(getattr(function, _AWAITS, False))


def _check_arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # some builtins have none
        return
    signature.bind(*args, **kwargs)
