"""A way to bring interpreters to life: what it is given, and what it answers. Nobody else knows which one it is.

The launcher reserves, starts, kills and reports; calls never travel through it. What an interpreter does once it runs is
`bridge.interpreter_process`'s affair, and the rules of restart are the supervisors': a launcher never restarts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, final

import attrs

from bridge.certificate import ExitStatus
from bridge.launchers.notices import Notice
from bridge.options import InterpreterOptions
from bridge.stacks import Stacks
from bridge.wire.board import Board
from supervision.clock import Clock

__all__ = ["Closeable", "Group", "Identity", "LaunchSpec", "Launcher", "Placement"]


@final
@attrs.frozen(kw_only=True)
class Identity:
    """Who the new interpreter is, and where it finds its service."""

    worker: str
    incarnation: int
    nonce: str = attrs.field(repr=False)
    mark: str  #: in the environment of it and of all that it starts
    data: Sequence[str]  #: endpoint of each lane
    control: str  #: endpoint
    library: str  #: a directory that holds ``bridge`` alone


def _ignore(_: Notice) -> None:
    """Nobody listens."""


@final
@attrs.frozen(kw_only=True)
class LaunchSpec:
    """One interpreter, as its launcher is told of it.

    Args:
        options: Which Python, and what it is given.
        identity: Who it is to be.
        sink: Told of each notice about it, in any thread, from within ``launch`` on; must not block.
    """

    options: InterpreterOptions
    identity: Identity
    sink: Callable[[Notice], None] = _ignore


class Group(Protocol):
    """An interpreter and whatever it starts: what can be done to it, and its exit."""

    @property
    def pid(self) -> int:
        """Of the interpreter where it runs; what it says of itself in its hello."""

    @property
    def pidfd(self) -> int:
        """A descriptor that is readable from when the interpreter has ended; not a pidfd in each case."""

    def signal(self, number: int) -> bool:
        """Send *number* to the whole group; never blocks. Returns whether it was sent."""

    def interrupt(self) -> bool:
        """Send SIGINT to the interpreter alone; never blocks. Returns whether it was sent."""

    def is_dead(self) -> bool:
        """Return whether the interpreter has ended."""

    def status(self) -> ExitStatus | None:
        """Return how it ended, or None while it runs; an empty status where nobody can say."""

    def bury(self, clock: Clock, timeout: float) -> bool:
        """Kill what is left and wait until all of it is dead, at most *timeout* seconds. Idempotent; returns whether."""

    def close(self) -> None:
        """Give up what is held of it. Only after ``bury``."""


class Closeable(Protocol):
    """What is held while the interpreter is to live."""

    def close(self) -> None:
        """Let go; what is left of it dies. Idempotent."""


@final
@attrs.frozen
class Placement:
    """An interpreter that was launched, and what the service holds of it."""

    group: Group
    board: Board
    lifeline: Closeable
    outputs: Mapping[str, int]  #: by stream, read ends, non-blocking; may be none
    stacks: Stacks

    @property
    def pidfd(self) -> int:
        """Readable from when it has ended."""
        return self.group.pidfd

    def close(self) -> None:
        """Give up everything but the outputs, which are their reader's. Only after the group's burial."""
        self.lifeline.close()
        self.group.close()
        self.board.close()
        self.stacks.close()


class Launcher(Protocol):
    """One for each pool; its methods may be called by several threads at once."""

    def check(self, options: InterpreterOptions) -> None:
        """Return if interpreters with *options* can be launched at all, as far as this can be known before. May block.

        Raises:
            InterpreterUnusable: They cannot; the text gives the remedy.
        """

    def launch(self, gang: Sequence[LaunchSpec]) -> Sequence[Placement]:
        """Launch all of *gang*, or none. Does not wait until they have shaken hands.

        Returns:
            A placement for each, in order. One may still be pending; its start deadline runs all the same.

        Raises:
            InterpreterUnusable: See ``check``.
            LaunchFailed: Nothing of the gang is left; ``fault`` says why.
        """

    def adopt(self, run_id: str) -> Sequence[tuple[Identity, Placement]]:
        """Return what an earlier service launched in the run *run_id* and what still lives.

        Empty where interpreters die with their service.
        """
