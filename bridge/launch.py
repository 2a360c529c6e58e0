"""What an interpreter has before anybody talks to it: a number in the run, its sockets, an identity, a process.

All of it, or nothing of it is left. How the process comes to life is the launcher's (`launchers`); its handshake, life
and end are in `interpreter_process`.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import attrs

from bridge.channel import Socket
from bridge.connection import Connection
from bridge.errors import LaunchFailed
from bridge.events import PlacementNoticed
from bridge.hub import Hub
from bridge.launchers.launcher import Identity, LaunchSpec, Placement
from bridge.launchers.notices import Notice
from bridge.main_guard import refuse_unguarded_main
from bridge.options import InterpreterOptions
from bridge.protocol import Line
from supervision.events import Event

__all__ = ["Launched", "launch"]


@final
@attrs.frozen(kw_only=True)
class Launched:
    """A process that runs and has not been heard of yet."""

    number: int  #: its entry in the run directory
    identity: Identity
    placement: Placement
    control: Socket  #: bound, the calling thread's for now, as the next
    data: Sequence[Socket]  #: one for each lane
    connections: Sequence[Connection]
    since: float  #: when it was launched, on the hub's clock
    codec: str  #: how calls are written to it
    refused: Sequence[Exception]  #: what the listener raised at a notice; the hub's thread's


def launch(
    hub: Hub, options: InterpreterOptions, *, worker: str, incarnation: int, listener: Callable[[Event], None]
) -> Launched:
    """Have the hub's launcher launch one; see ``Interpreter.launch``. Blocks for that: of a process, the exec.

    Raises:
        InterpreterUnusable, LaunchFailed, HubClosed: Nothing of it is left.
    """
    refuse_unguarded_main(worker)
    hub.launcher.check(options)
    try:
        number = hub.admit(options.threads)
    except OSError as error:
        raise LaunchFailed(worker, f"no file descriptors are left for it: {error.strerror}") from error
    refused: list[Exception] = []

    def tell(event: PlacementNoticed) -> None:
        try:
            listener(event)
        except Exception as error:  # as with every event: it is this interpreter's end, and nobody else's
            refused.append(error)
            hub.blame(number, error)

    def sink(notice: Notice) -> None:
        # On the hub's thread, as everything else that is told; not waited for.
        event = PlacementNoticed(worker=worker, incarnation=incarnation, notice=notice)
        hub.run_there(lambda: tell(event), 0)

    nonce = secrets.token_hex(16)
    with contextlib.ExitStack() as undo:
        undo.callback(hub.run.remove_entry, number)
        connections: list[Connection] = []

        def bind(line: Line, path: Path) -> Socket:
            try:
                socket, connection = hub.bind(path, functools.partial(Connection, line))
            except OSError as error:
                raise LaunchFailed(worker, f"its sockets cannot be made: {error}") from error
            undo.callback(socket.close, linger=0)
            undo.callback(connection.close)
            connections.append(connection)
            return socket

        control_path = hub.run.socket(number)
        data_paths = [hub.run.socket(number, lane) for lane in range(options.threads)]
        control = bind(Line.CONTROL, control_path)
        data = [bind(Line.DATA, path) for path in data_paths]
        identity = Identity(
            worker=worker,
            incarnation=incarnation,
            nonce=nonce,
            mark=hub.run.mark(number),
            data=tuple(f"ipc://{path}" for path in data_paths),
            control=f"ipc://{control_path}",
            library=str(hub.run.library),
        )
        since = hub.clock.now()
        (placement,) = hub.launcher.launch([LaunchSpec(options=options, identity=identity, sink=sink)])
        undo.pop_all()
    return Launched(
        number=number,
        identity=identity,
        placement=placement,
        control=control,
        data=data,
        connections=connections,
        since=since,
        codec=options.codec,
        refused=refused,
    )
