"""The actor: OTP's gen_server as a Python class, one thread each.

What its thread does is in ``life``, starting one under a supervisor in ``starting``; the substrate (pykka) in
``_pykka``; looking into one that runs in ``sys``. docs/otp.md lays gen_server beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, final

from supervision._pykka import Inbox, ThreadActor, own_attributes
from supervision.cell import Cell
from supervision.clock import Clock
from supervision.context import TreeContext
from supervision.exit_reason import ExitReason
from supervision.life import Life
from supervision.messages import AwaitReady, Continue, Ignore, MonitorRef, Started, Stop, Timeout
from supervision.ref import Ref
from supervision.requests import From
from supervision.timers import SendAfter, SendInterval

__all__ = ["Actor", "InitResult", "Next"]

T = TypeVar("T", SendAfter, SendInterval)
InitResult = AwaitReady | Continue | Ignore | Started | Stop | Timeout | None
#: What a handler may return: to wait for the next message, or what to do instead.
Next = Continue | Stop | Timeout | None


class Actor(ThreadActor):
    """Subclass this and write handlers; each runs in the actor's own thread, one at a time.

    Each returns None to wait for the next message, or ``Continue(term)``, ``Timeout(seconds)`` or ``Stop(reason)``. A
    handler that raises ends the actor with ``crashed(exception)``, and its caller gets ``ActorExited``: as in
    gen_server, and unlike pykka, a failure is the supervisor's business and not the caller's.
    """

    #: Whether exit signals arrive as ``Exit`` messages instead of ending the actor; an actor that is to run
    #: ``terminate`` when its supervisor stops it must trap exits (OTP's rule). An instance may set its own, at any
    #: time, as ``process_flag(trap_exit, ...)`` does.
    trap_exit: bool = False
    #: Whether it answers what supervisors are asked; true of ``Supervisor`` and its subclasses alone.
    supervises: ClassVar[bool] = False

    _cell: Cell

    # Callbacks

    def init(self, *args: Any, **kwargs: Any) -> InitResult:
        """Set up; the starter waits for it. Raising, or returning ``Stop``, makes the start fail.

        ``IGNORE`` says that there is nothing to run; ``Started(info)`` gives the starter *info* besides;
        ``AwaitReady()`` has it wait on, until ``ready``. An ``init`` that outlasts its start timeout is abandoned:
        nothing else of the actor runs when it returns.
        """
        return None

    def handle_call(self, request: Any, from_: From) -> Any:
        """Return the reply, or ``NOREPLY`` and use ``from_.reply`` later, or ``Reply(value, then)``.

        ``Continue``, ``Timeout`` and ``Stop`` do not reply either. With ``Stop(reason, reply)``, or a ``Reply`` with a
        ``Stop``, the caller is answered after ``terminate`` has run, as gen_server's is.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no calls; it was sent {request!r}")

    def handle_cast(self, message: Any) -> Next:
        """Handle a message that nobody waits for."""
        raise NotImplementedError(f"{type(self).__name__} takes no casts; it was sent {message!r}")

    def handle_info(self, message: Any) -> Next:
        """Handle what came by ``send``: ``Down``, ``Exit``, timers, ``TIMEOUT``. The default drops it, as OTP's does."""
        return None

    def handle_continue(self, term: Any) -> Next:
        """Go on after a callback returned ``Continue(term)``; runs before any message."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_continue")

    def terminate(self, reason: ExitReason) -> None:
        """Clean up; not run when the actor is killed, nor for a signal that it does not trap."""

    def status(self) -> Mapping[str, object]:
        """Return what the tree view shows beside this actor's name."""
        return {}

    def format_status(self, status: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what ``sys.get_status`` is to show of ``{"state": ...}``; hide secrets here."""
        return status

    def system_get_state(self) -> Any:
        """Return what ``sys.get_state`` shows: by default a dict of the attributes that this class gave the instance."""
        return own_attributes(self)

    def system_replace_state(self, state: Any) -> None:
        """Take over the *state* of ``sys.replace_state``: by default, the attributes become those of this dict.

        Raises:
            TypeError: It is no mapping.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"{state!r}: expected a dict of attributes, as get_state gives it; return it changed"
            )
        new = dict(state)
        for name in own_attributes(self):
            if name not in new:
                delattr(self, name)
        vars(self).update(new)

    # For the subclass

    @property
    @final
    def ref(self) -> Ref:
        """This incarnation's own handle."""
        return self._cell.ref

    @property
    @final
    def context(self) -> TreeContext:
        """What this tree's actors share."""
        return self._cell.context

    @property
    @final
    def clock(self) -> Clock:
        """The tree's clock."""
        return self._cell.context.clock

    @final
    def ready(self, info: Any = None) -> bool:
        """Answer this actor's start, which waits for it after ``AwaitReady()``; OTP's ``proc_lib:init_ack``.

        From any thread, any number of times: the first answers. From within ``init``, too: what is left of it then is
        done while the starter goes on. Until it is answered the actor runs, and whoever looks its name up can call it;
        its supervisor waits in the start and answers nobody, so it must not be called from here. An actor that ends
        before is a start that failed with its exit reason; one that is not ready in its start timeout is stopped by
        its ``shutdown``.

        Args:
            info: What the starter reads as ``ref.info``.

        Returns:
            Whether this answered the start: False if that was done before (by ``init``, where it returns no
            ``AwaitReady``), or if it is too late.
        """
        return self._cell.started(info)

    @final
    def send_after(self, delay: float, message: object, *, to: Ref | None = None) -> SendAfter:
        """Send *message* to the ``handle_info`` of *to*, by default of this actor, after *delay* seconds.

        Returns:
            The timer; its ``cancel()`` tells the seconds that were left, or None when it was too late.

        Raises:
            ValueError: *delay* is below 0.
        """
        timer = SendAfter(self.clock, delay, message, self.ref if to is None else to)
        return self._unless_killed(timer)

    @final
    def send_interval(self, period: float, message: object, *, to: Ref | None = None) -> SendInterval:
        """Send *message* as ``send_after`` does, every *period* seconds until it is cancelled or *to* has ended.

        A receiver that is slower than that gets what has gathered one after the other.

        Raises:
            ValueError: *period* is not above 0.
        """
        timer = SendInterval(self.clock, period, message, self.ref if to is None else to)
        return self._unless_killed(timer)

    @final
    def monitor(self, ref: Ref) -> MonitorRef:
        """Have this actor sent exactly one ``Down`` when *ref* ends; at once, with ``noproc``, if it has."""
        return ref.monitor(self.ref)

    @final
    def demonitor(self, monitor: MonitorRef, *, flush: bool = False) -> bool:
        """End a monitor of this actor's own.

        Args:
            monitor: What ``monitor`` returned.
            flush: Whether a ``Down`` that was sent already is dropped, too, if it was not yet handled.

        Returns:
            Whether the monitor stood (OTP's option ``info``); False if its ``Down`` was sent.
        """
        return self._cell.ties.stop_watching(monitor, flush=flush)

    @final
    def link(self, ref: Ref) -> None:
        """Share *ref*'s fate: when one of the two ends, the other gets an exit signal."""
        ref.link(self.ref)

    @final
    def unlink(self, ref: Ref) -> None:
        """Undo ``link``."""
        ref.unlink(self.ref)

    # The life

    def _unless_killed(self, timer: T) -> T:
        """Return *timer*, cancelled if it was set by the thread of a killed actor: nothing more comes of that."""
        if self._cell.sender_is_killed():
            timer.cancel()
        return timer

    @final
    def attach(self, cell: Cell, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Tie the actor to *cell* and start its thread, which begins with ``init``."""
        self._cell = cell
        self._begin = (args, kwargs)
        self.start_thread(cell)

    @final
    def run_loop(self) -> None:
        """See ``ThreadActor``."""
        args, kwargs = self._begin
        del self._begin
        inbox = self.actor_inbox
        assert isinstance(inbox, Inbox)
        Life(self, self._cell, inbox).run(args, kwargs)

    def _after_init(self, result: Any) -> Any:
        """Return what *result* of ``init`` means to the loop; for the other kinds of actor of this package."""
        return result
