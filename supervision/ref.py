"""The handle of one incarnation of an actor: what everybody else holds, keeps, compares and calls.

How a message travels and how an exit is told is in ``cell``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from supervision.arguments import checked_timeout
from supervision.errors import NoProcess
from supervision.exit_reason import SHUTDOWN, ExitReason, Killed, checked_reason

if TYPE_CHECKING:
    from supervision.cell import Cell
    from supervision.messages import MonitorRef
    from supervision.pending import Pending

__all__ = ["Ref", "cell_of"]


@final
class Ref:
    """Names one incarnation of one actor. Equal by value; a copy that was pickled can be compared, not called."""

    __slots__ = ("_cell", "incarnation", "name")

    def __init__(self, name: str, incarnation: int, cell: Cell | None = None) -> None:
        self.name = name  #: the path in its tree, as in ``"service/pool/workers/1"``
        self.incarnation = (
            incarnation  #: unique in its tree; a restarted child has the name, and another number
        )
        self._cell = cell

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return NotImplemented
        return self.incarnation == other.incarnation and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.name, self.incarnation))

    def __repr__(self) -> str:
        return f"<{self.name}#{self.incarnation}>"

    def __reduce__(self) -> tuple[type[Ref], tuple[str, int]]:
        return (Ref, (self.name, self.incarnation))

    def call(self, request: object, *, timeout: float = 5.0) -> Any:
        """Send *request* and wait for the reply. Blocks the calling thread.

        Args:
            request: Handed over by reference; do not change it afterwards.
            timeout: Seconds of the tree's clock until the reply is here; ``math.inf`` waits for ever. A request
                that expires in the mailbox is not handled.

        Raises:
            NoProcess: The actor was down already; the request was not delivered.
            CallTimeout: No reply in time; the actor may still be handling it.
            ActorExited: The actor ended before replying; ``reason`` says why. So it is, too, for who calls while it is
                in ``terminate``: as in OTP, the call waits for its end.
            CallSelf: Called from the actor's own thread, which could never answer.
            SenderKilled: The calling thread is that of a killed actor.
            TypeError, ValueError: *timeout* is no number of seconds >= 0.
        """
        cell = self._cell
        if cell is None:
            raise NoProcess(self.name)
        return cell.call(request, timeout)

    def send_request(self, request: object, *, reply_to: Ref | None = None) -> Pending:
        """Send *request* as a call and do not wait: OTP's ``send_request``. Never blocks.

        Args:
            request: Handed over by reference; do not change it afterwards.
            reply_to: An actor that is sent a ``Response`` when the answer is here, or the news that none will come.

        Returns:
            What to ``wait`` at. An actor that is down is told there, by ``NoProcess``, and a sender that has been
            killed, by ``SenderKilled``.

        Raises:
            NoProcess: This handle was pickled and belongs to no actor of this process, or *reply_to* was.
            TypeError: *reply_to* is no ``Ref``.
        """
        if reply_to is not None:
            cell_of(reply_to)
        return self._live().send_request(request, reply_to)

    def cast(self, message: object) -> None:
        """Send *message* to ``handle_cast``. Never blocks, never fails: to an actor that is down it is dropped."""
        if self._cell is not None:
            self._cell.cast(message)

    def send(self, message: object) -> None:
        """Send *message* to ``handle_info``. Never blocks, never fails: to an actor that is down it is dropped."""
        if self._cell is not None:
            self._cell.send(message)

    def monitor(self, watcher: Ref) -> MonitorRef:
        """Have *watcher* sent exactly one ``Down`` when this actor ends; at once, with ``noproc``, if it has.

        Raises:
            NoProcess: *watcher* is not an actor of this process.
        """
        return self._live().ties.monitor(cell_of(watcher).ties)

    def demonitor(self, monitor: MonitorRef) -> bool:
        """End a monitor of this actor; from any thread. ``Actor.demonitor`` can flush its ``Down``, too.

        Returns:
            Whether it stood; if not, its ``Down`` was sent, and is still delivered if it was not yet.
        """
        return self._cell is not None and self._cell.ties.demonitor(monitor)

    def link(self, other: Ref) -> None:
        """Tie two actors' fates: when one ends, the other gets an exit signal; with ``noproc`` if one has ended.

        From any thread; linking twice, or an actor with itself, is fine. An actor that traps exits gets an ``Exit``.

        Raises:
            NoProcess: One of the two is no actor of this process.
        """
        cell, other_cell = self._live(), cell_of(other)
        if not cell.sender_is_killed():
            cell.ties.link(other_cell.ties)

    def unlink(self, other: Ref) -> None:
        """Undo ``link``, on both sides; what has ended already has told the other.

        Raises:
            NoProcess: One of the two is no actor of this process.
        """
        cell, other_cell = self._live(), cell_of(other)
        if not cell.sender_is_killed():
            cell.ties.unlink(other_cell.ties)

    def exit(self, reason: ExitReason, *, sender: Ref | None = None) -> None:
        """Send an exit signal, as OTP's ``exit(Pid, Reason)``: ``KILLED`` cannot be trapped, ``NORMAL`` is ignored.

        Never blocks; from the thread of a killed actor it does nothing. An actor that does not trap exits ends without ``terminate``; one that does gets an ``Exit``.
        After ``KILLED`` the actor is down when this returns; a handler that was running goes on in its thread,
        but nothing more comes of it (a thread cannot be killed).

        Raises:
            TypeError: *reason* is no exit reason.
        """
        checked_reason(reason)
        if self._cell is None or self._cell.sender_is_killed():
            return
        if isinstance(reason, Killed):
            self._cell.kill()
        else:
            self._cell.signal(sender or self, reason)

    def stop(self, reason: ExitReason = SHUTDOWN, *, timeout: float = 5.0) -> bool:
        """Ask the actor to run ``terminate`` and end with *reason*, and wait; OTP's ``gen_server:stop``.

        Args:
            reason: What watchers are told; a ``terminate`` that raises ends it with ``crashed`` instead, which ``join``
                tells, and this does not.
            timeout: Seconds to wait; 0 asks and does not wait, ``math.inf`` waits for ever.

        Returns:
            Whether it is down; stopping what has ended, or twice, is fine.

        Raises:
            CallSelf: From the actor's own thread; return ``Stop(reason)`` from a handler instead.
            SenderKilled: The calling thread is that of a killed actor; nothing was asked.
            TypeError: *reason* is no exit reason, or *timeout* no number.
            ValueError: *timeout* is below 0, or NaN.
        """
        checked_reason(reason)
        checked_timeout(timeout)
        return True if self._cell is None else self._cell.stop(reason, timeout)

    def join(self, *, timeout: float = 5.0) -> ExitReason | None:
        """Wait until the actor is down. Blocks; returns its exit reason, or None when *timeout* seconds passed.

        Raises:
            NoProcess: This handle was pickled and belongs to no actor of this process.
            TypeError, ValueError: *timeout* is no number of seconds >= 0.
        """
        checked_timeout(timeout)
        cell = self._live()
        return cell.reason if cell.join(timeout) else None

    @property
    def info(self) -> object:
        """What the actor's ``init`` gave with ``Started(info)``; OTP's ``{ok, Pid, Info}``. None otherwise."""
        return None if self._cell is None else self._cell.info

    def is_alive(self) -> bool:
        """Return whether the actor has not ended: true until all who watch it have been told."""
        return self._cell is not None and not self._cell.is_down()

    def _live(self) -> Cell:
        if self._cell is None:
            raise NoProcess(self.name)
        return self._cell


def cell_of(ref: Ref) -> Cell:
    """Return the cell behind *ref*, for this package's own shells.

    Raises:
        NoProcess: The handle was pickled and belongs to no actor of this process.
        TypeError: It is no handle.
    """
    if not isinstance(ref, Ref):
        raise TypeError(
            f"{ref!r}: expected a Ref, as start_child(...) or tree.registry.whereis(name) gives it (None is the answer "
            "for a name that nobody has, and of a child that does not run)"
        )
    return ref._live()
