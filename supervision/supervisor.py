"""The supervisor: an actor that receives, has ``decisions`` decide, and carries the commands out.

No rule is here. The functions at the end are what others call; they have OTP's names and block the calling thread. Each
raises ``TypeError`` in the caller, and asks nobody, if what it is given is no supervisor's ``Ref``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import attrs

from supervision import administration, decisions
from supervision.actor import Actor, InitResult
from supervision.administration import ChildCounts, ChildInfo
from supervision.child_requests import (
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from supervision.child_spec import ChildSpec, SupFlags
from supervision.commands import Command, ExitSelf, Report, RetryLater, Start
from supervision.commands import Stop as StopChild
from supervision.errors import InvalidSpec, StartError, SupervisionError
from supervision.exit_reason import SHUTDOWN, ExitReason, Shutdown, crashed
from supervision.messages import NOREPLY, Exit, Ignore, Stop
from supervision.ref import Ref, cell_of
from supervision.requests import From
from supervision.shutdown import stop_child, stop_together
from supervision.starting import start_child as start_actor
from supervision.sup_state import SupState

__all__ = [
    "ChildCounts",
    "ChildInfo",
    "Supervisor",
    "count_children",
    "delete_child",
    "get_childspec",
    "restart_child",
    "start_child",
    "terminate_child",
    "which_children",
]

#: Seconds that a request to a supervisor may take: it starts and stops children while the caller waits.
_PATIENCE = 60.0


@final
@attrs.frozen
class _RetryDue:
    command: RetryLater
    reason: ExitReason


class Supervisor(Actor):
    """Starts its children in order, restarts them by its flags, stops them in reverse order.

    Started as any actor, with ``args=(flags, specs)``. Its exit reason after too many restarts is ``shutdown``, as
    OTP's; after a failed start it is ``shutdown(FailedToStartChild)``.
    """

    trap_exit = True
    supervises = True
    #: Whether nothing is kept of a child that ended, and all are stopped at once: a dynamic supervisor's way.
    forgets: ClassVar[bool] = False

    def init(self, flags: SupFlags = SupFlags(), specs: Sequence[ChildSpec] = ()) -> InitResult:  # noqa: B008 frozen
        """Take in *specs* and start them; a failure stops those that run and fails this start."""
        if not isinstance(flags, SupFlags):
            raise InvalidSpec("flags", flags, "SupFlags(...)")
        self._state = SupState(self.ref.name, flags, random.random, self.forgets)
        #: What children that are stopped are told: OTP's plain ``shutdown``, which knows of a giving up behind it.
        self._farewell: ExitReason = SHUTDOWN
        stop = self._carry_out(decisions.begin(self._state, specs))
        if stop is not None:
            self.terminate(stop.reason)
        return stop

    def handle_call(self, request: Any, from_: From) -> Any:
        try:
            return self._request(request)
        except SupervisionError as error:
            from_.fail(error)  # the caller's mistake, or the child's failure: not ours
            return NOREPLY

    def handle_info(self, message: Any) -> Stop | None:
        state, now = self._state, self.clock.now()
        match message:
            case Exit(ref, reason):
                return self._carry_out(decisions.child_exited(state, ref, reason, now), reason)
            case _RetryDue(command, reason):
                return self._carry_out(decisions.retry_due(state, command, reason, now), reason)
        return None

    def terminate(self, reason: ExitReason) -> None:
        """Stop every child, in reverse start order, each by its own shutdown."""
        if isinstance(reason, Shutdown):
            self._farewell = Shutdown(because=reason.because)
        self._stop_all()

    def status(self) -> Mapping[str, object]:
        return {"strategy": self._state.flags.strategy.value}

    def admit(self, spec: ChildSpec) -> ChildSpec:
        """Return *spec* as it is to be started; a subclass may refuse it by raising a ``SupervisionError``."""
        return spec

    def child_name(self, id: str) -> str:
        """Return the full name of the child *id*."""
        return f"{self.ref.name}/{id}"

    def _stop_all(self) -> None:
        stops = decisions.stop_all(self._state)
        if not self._state.is_dynamic():
            self._carry_out(stops)
            return
        # All are asked at once, and each is waited for by its own shutdown.
        stop_together([(stop.ref, stop.shutdown) for stop in stops], self.ref, self._farewell)
        for stop in stops:
            decisions.stopped(self._state, stop)

    def _request(self, request: Any) -> Any:
        state = self._state
        match request:
            case StartChild(spec):
                if isinstance(spec, ChildSpec):
                    return self._start_for_caller(administration.add(state, self.admit(spec)))
                return self._start_for_caller(administration.add_dynamic(state, spec))
            case RestartChild(id):
                return self._start_for_caller(administration.restart_one(state, id))
            case TerminateChild(which):
                return self._carry_out(administration.stop_one(state, which, dead=_is_dead(which)))
            case DeleteChild(id):
                return self._carry_out(administration.delete(state, id))
            case GetChildSpec(which):
                return administration.spec_of(state, which, dead=_is_dead(which))
            case CountChildren():
                return administration.count(state, Ref.is_alive)
            case WhichChildren():
                return administration.rows(state)
        raise TypeError(f"a supervisor takes no request {request!r}")

    def _start_for_caller(self, commands: Sequence[Command]) -> Ref | None:
        (command,) = commands
        assert isinstance(command, Start)
        ref, error = self._start(command)
        if error is not None:
            decisions.start_failed(self._state, command, error.reason)
            raise error
        return ref

    def _carry_out(self, commands: Sequence[Command], cause: ExitReason | None = None) -> Stop | None:
        """Run *commands* in order, as the contract in ``decisions`` says; return how the supervisor ends, if so."""
        todo = list(reversed(commands))
        while todo:
            if cell_of(self.ref).reason is not None:
                return None  # killed in the middle of it: what is left of it is nobody's any more
            command = todo.pop()
            match command:
                case Start():
                    _, error = self._start(command)
                    if error is not None:
                        todo = list(reversed(decisions.start_failed(self._state, command, error.reason)))
                case StopChild(_, ref, shutdown):
                    stop_child(ref, shutdown, self.ref, self._farewell)
                    decisions.stopped(self._state, command)
                case RetryLater():
                    due = _RetryDue(command, cause or crashed("restart failed"))
                    if command.delay > 0:
                        self.send_after(command.delay, due)
                    else:
                        self.ref.send(due)
                case Report(event):
                    if self.context.events.active:
                        self.context.events.emit(event)
                case ExitSelf(reason):
                    return Stop(reason)
        return None

    def _start(self, command: Start) -> tuple[Ref | None, StartError | None]:
        child = self._state.children.get(command.id)
        assert child is not None
        try:
            outcome = start_actor(child.spec, self.context, self.child_name(command.id), self.ref)
        except StartError as error:
            return None, error
        ref = None if isinstance(outcome, Ignore) else outcome
        self._carry_out(decisions.started(self._state, command, ref))
        return ref, None


def _is_dead(which: str | Ref) -> bool:
    return isinstance(which, Ref) and not which.is_alive()


def _ask(supervisor: Ref, request: object, timeout: float) -> Any:
    """Call *supervisor*, if it is one: what another actor made of the request would be its crash."""
    cell = cell_of(supervisor)
    if not cell.supervises:
        raise TypeError(f"{supervisor!r} is no supervisor: expected the Ref of one, as tree.root is")
    return supervisor.call(request, timeout=timeout)


def start_child(
    supervisor: Ref, spec: ChildSpec | Sequence[Any], *, timeout: float = _PATIENCE
) -> Ref | None:
    """Start one more child, after the others; returns its handle, or None if its ``init`` answered ``IGNORE``.

    Args:
        supervisor: Whose child it is to be.
        spec: What to start; for a ``simple_one_for_one``: the arguments that go behind its template's.
        timeout: Seconds to wait; then it is unknown whether the child started.

    Raises:
        AlreadyStarted, AlreadyPresent: Its id is taken; the first has its ``ref``.
        InvalidSpec: It does not fit to the supervisor's flags, or is neither a spec nor arguments.
        MaxChildren: The dynamic supervisor is full.
        StartError: It did not start; its spec was not kept.
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    ref: Ref | None = _ask(supervisor, StartChild(spec), timeout)
    return ref


def terminate_child(supervisor: Ref, which: str | Ref, *, timeout: float = _PATIENCE) -> None:
    """Stop a child by its shutdown and keep its spec (a temporary or dynamic one's is forgotten).

    Args:
        supervisor: Whose child it is.
        which: Its id; for a dynamic supervisor also, and for a ``simple_one_for_one`` only, its handle. One that has
            ended is fine there.
        timeout: Seconds to wait; then it is still being stopped.

    Raises:
        NoSuchChild: It is none of this supervisor's.
        SimpleOneForOne: An id was given to a ``simple_one_for_one``.
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    _ask(supervisor, TerminateChild(which), timeout)


def restart_child(supervisor: Ref, id: str, *, timeout: float = _PATIENCE) -> Ref | None:
    """Start the child *id*, whose spec was kept and which does not run; returns as ``start_child``.

    Raises:
        NoSuchChild: There is none with this id.
        ChildRunning, ChildRestarting: It is not at rest.
        SimpleOneForOne: Children have no ids here.
        StartError: It did not start; its spec is kept.
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    ref: Ref | None = _ask(supervisor, RestartChild(id), timeout)
    return ref


def delete_child(supervisor: Ref, id: str, *, timeout: float = _PATIENCE) -> None:
    """Forget the spec of the child *id*, which does not run.

    Raises:
        NoSuchChild: There is none with this id.
        ChildRunning, ChildRestarting: It is not at rest; terminate it first.
        SimpleOneForOne: Children have no ids here.
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    _ask(supervisor, DeleteChild(id), timeout)


def which_children(supervisor: Ref, *, timeout: float = 5.0) -> tuple[ChildInfo, ...]:
    """Return the children in start order (OTP returns them newest first).

    Raises:
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``; a supervisor that is starting a child answers after that.
    """
    rows: tuple[ChildInfo, ...] = _ask(supervisor, WhichChildren(), timeout)
    return rows


def count_children(supervisor: Ref, *, timeout: float = 5.0) -> ChildCounts:
    """Return OTP's four counts; of a ``simple_one_for_one``, ``specs`` is always 1.

    Raises:
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    counts: ChildCounts = _ask(supervisor, CountChildren(), timeout)
    return counts


def get_childspec(supervisor: Ref, which: str | Ref, *, timeout: float = 5.0) -> ChildSpec:
    """Return the spec of a child; of a ``simple_one_for_one``, the template.

    Args:
        supervisor: Whose child it is.
        which: Its id; for a dynamic supervisor also its handle. For a ``simple_one_for_one`` the template's id, or the
            handle of a child or of anything that has ended.
        timeout: Seconds to wait.

    Raises:
        NoSuchChild: It is none of this supervisor's, or a handle was given to one whose children have lasting ids.
        NoProcess, CallTimeout, ActorExited: As ``Ref.call``.
    """
    spec: ChildSpec = _ask(supervisor, GetChildSpec(which), timeout)
    return spec
