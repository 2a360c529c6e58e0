"""A fresh interpreter by exec: everything it inherits, its limits, and the dead-man's pipe armed before it can work.

Talking to it is not here (`interpreter_process`), nor what runs in it (`bridge.interpreter`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, final

import attrs

from bridge.errors import LaunchFailed
from bridge.lifeline import Lifeline
from bridge.options import InterpreterOptions
from bridge.payload import main_module
from bridge.probe import Python, foreign_environment
from bridge.proc import MARK
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec

__all__ = ["Identity", "Spawned", "spawn"]

_BOOT: Final = Path(__file__).resolve().parent.parent / "interpreter" / "boot.py"
#: What numeric libraries ask for the number of threads that they may start.
_THREADS: Final = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


@final
@attrs.frozen(kw_only=True)
class Identity:
    """Who the new process is, and where it finds its service."""

    worker: str
    incarnation: int
    nonce: str = attrs.field(repr=False)
    mark: str  #: in the environment of it and of all that it starts
    data: str  #: endpoint
    control: str  #: endpoint
    library: str  #: a directory that holds ``bridge`` alone


@final
@attrs.frozen
class Spawned:
    """A process that runs, and what the service holds of it."""

    popen: subprocess.Popen[bytes]
    pidfd: int
    board: Board
    lifeline: Lifeline
    outputs: dict[str, int]  #: by stream, read ends, non-blocking


def spawn(python: Python, options: InterpreterOptions, identity: Identity) -> Spawned:
    """Start the process in a session of its own. Blocks for the exec, some milliseconds.

    Raises:
        LaunchFailed: If it cannot be started; nothing of it is left.
    """
    with contextlib.ExitStack() as inherited, contextlib.ExitStack() as kept:

        def pipe() -> tuple[int, int]:
            read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
            kept.callback(os.close, read_fd)
            inherited.callback(os.close, write_fd)
            os.set_blocking(read_fd, False)
            return read_fd, write_fd

        def passed(fd: int) -> int:
            inherited.callback(os.close, fd)
            return fd

        try:
            lifeline = Lifeline()
            kept.callback(lifeline.close)
            board_fd = passed(Board.create_fd())
            board = Board(board_fd)
            kept.callback(board.close)
            service_fd = passed(os.pidfd_open(os.getpid()))
            boot_fd = passed(
                _spec(python, options, identity, board_fd, lifeline.read_fd, service_fd).create_fd()
            )
            stdout, stdout_end = pipe()
            stderr, stderr_end = pipe()
            popen = subprocess.Popen(
                [
                    python.executable,
                    "-P",
                    "-u",
                    str(_BOOT),
                    str(boot_fd),
                    f"{identity.worker}#{identity.incarnation}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=stdout_end,
                stderr=stderr_end,
                cwd=options.cwd,
                env=_environment(python, options, identity),
                pass_fds=(boot_fd, board_fd, lifeline.read_fd, service_fd),
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise LaunchFailed(identity.worker, str(error)) from error
        try:
            pidfd = os.pidfd_open(popen.pid)
            kept.callback(os.close, pidfd)
            # It leads its group since before the exec, and the exec is done when Popen returns.
            lifeline.arm(popen.pid)
        except OSError as error:
            # It is gone already and somebody else reaped it, or descriptors ran out.
            popen.kill()
            popen.wait()
            raise LaunchFailed(identity.worker, str(error)) from error
        kept.pop_all()
    return Spawned(popen, pidfd, board, lifeline, {"stdout": stdout, "stderr": stderr})


def _spec(
    python: Python, options: InterpreterOptions, identity: Identity, board: int, lifeline: int, service: int
) -> BootSpec:
    if python.is_ours:
        # What the caller can import the child can import; '' would mean another directory once cwd changes. Our own
        # library comes last: it is needed only where an import hook found this package for the service.
        path = [*options.path, *(os.path.abspath(entry) for entry in sys.path), identity.library]  # noqa: PTH100
    else:
        path = [identity.library, *options.path]
    name, file = main_module()
    return BootSpec(
        worker=identity.worker,
        incarnation=identity.incarnation,
        nonce=identity.nonce,
        data=identity.data,
        control=identity.control,
        board_fd=board,
        lifeline_fd=lifeline,
        service_fd=service,
        path=path,
        replace_path=python.is_ours,
        memory=options.memory,
        main_name=name,
        main_path=file,
        secrets=options.secrets,
        log_level=options.log_level,
        codec=options.codec,
        allowed=options.allowed,
    )


def _environment(python: Python, options: InterpreterOptions, identity: Identity) -> dict[str, str]:
    base = dict(os.environ) if python.is_ours else foreign_environment(os.environ)
    return {**base, **dict.fromkeys(_THREADS, str(options.threads)), **options.env, MARK: identity.mark}
