"""A fresh interpreter by exec: everything it inherits, its limits, and the dead-man's pipe armed before it can work.

Talking to it is not here (`interpreter_process`), nor what runs in it (`bridge.interpreter`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, final

from bridge.errors import LaunchFailed
from bridge.launchers.launcher import Identity, LaunchSpec, Placement
from bridge.lifeline import Lifeline
from bridge.options import InterpreterOptions
from bridge.payload import main_module
from bridge.probe import Python, check_interpreter, foreign_environment
from bridge.proc import MARK
from bridge.process_group import ProcessGroup
from bridge.stacks import Stacks
from bridge.wire.board import Board
from bridge.wire.boot_spec import BootSpec
from supervision.clock import MonotonicClock

__all__ = ["Identity", "ProcessLauncher", "spawn"]

_BOOT: Final = Path(__file__).resolve().parent.parent / "interpreter" / "boot.py"
#: Seconds for what was started of a gang that cannot be completed to be confirmed dead.
_BURIAL: Final = 5.0
#: What numeric libraries ask for the number of threads that they may start.
_THREADS: Final = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
#: What glibc asks for how many heaps a process may have.
_ARENAS: Final = "MALLOC_ARENA_MAX"


@final
class ProcessLauncher:
    """Interpreters on this machine, each by an exec. They die with their service, so that none is ever adopted."""

    def check(self, options: InterpreterOptions) -> None:
        check_interpreter(options)

    def launch(self, gang: Sequence[LaunchSpec]) -> Sequence[Placement]:
        """See `launcher`. Blocks for one exec each, some milliseconds."""
        placements: list[Placement] = []
        try:
            # One by one into the list, which is what is undone.
            placements.extend(
                spawn(check_interpreter(each.options), each.options, each.identity) for each in gang
            )
        except BaseException:
            for placement in placements:
                placement.group.bury(MonotonicClock(), _BURIAL)
                placement.close()
                for fd in placement.outputs.values():
                    os.close(fd)
            raise
        return placements

    def adopt(self, run_id: str) -> Sequence[tuple[Identity, Placement]]:
        return ()


def spawn(python: Python, options: InterpreterOptions, identity: Identity) -> Placement:
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
            board = Board(board_fd, options.threads)
            kept.callback(board.close)
            service_fd = passed(os.pidfd_open(os.getpid()))
            stacks_fd = passed(Stacks.create_fd())
            stacks = Stacks(os.dup(stacks_fd))
            kept.callback(stacks.close)
            boot_fd = passed(
                _spec(
                    python, options, identity, board_fd, lifeline.read_fd, service_fd, stacks_fd
                ).create_fd()
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
                pass_fds=(boot_fd, board_fd, lifeline.read_fd, service_fd, stacks_fd),
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            where = f"its cwd {options.cwd!r}: " if getattr(error, "filename", None) == options.cwd else ""
            raise LaunchFailed(identity.worker, f"{where}{error}") from error
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
    group = ProcessGroup(popen, pidfd, identity.mark)
    return Placement(group, board, lifeline, {"stdout": stdout, "stderr": stderr}, stacks)


def _spec(
    python: Python,
    options: InterpreterOptions,
    identity: Identity,
    board: int,
    lifeline: int,
    service: int,
    stacks: int,
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
        stacks_fd=stacks,
        path=path,
        replace_path=python.is_ours,
        spin=options.spin,
        memory=options.memory,
        limits=tuple(options.limits.items()),
        main_name=name,
        main_path=file,
        secrets=options.secrets,
        log_level=options.log_level,
        codec=options.codec,
        allowed=options.allowed,
    )


def _environment(python: Python, options: InterpreterOptions, identity: Identity) -> dict[str, str]:
    base = dict(os.environ) if python.is_ours else foreign_environment(os.environ)
    if options.memory is not None and options.threads > 1:
        # Each thread would take 64 MB of the address space that is limited, for itself and mostly for nothing.
        base[_ARENAS] = "2"
    return {
        **base,
        **dict.fromkeys(_THREADS, str(options.native_threads)),
        **options.env,
        MARK: identity.mark,
    }
