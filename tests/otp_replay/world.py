"""What plays a scenario: one interface, two worlds.

``core_world`` drives the pure rules in virtual time, ``real_world`` real supervisors and actors with threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, final

from supervision.child_spec import ChildSpec, SupFlags
from supervision.ref import Ref
from tests.otp_replay.calls import Call
from tests.otp_replay.journal import Journal
from tests.otp_replay.scenario import Blueprint

__all__ = ["NotLive", "Pending", "Stuck", "World"]


@final
class NotLive(Exception):
    """No live process, or no live supervisor, has that path."""


@final
class Stuck(Exception):
    """A scenario does not become quiet, or leaves something behind."""


class Pending(Protocol):
    """A call that has been put into a supervisor's mailbox."""

    def answer(self) -> object:
        """Return what the call returned, or the error that it raised; only after ``settle``."""


class World(Protocol):
    """One scenario's processes. Nothing but ``settle`` waits for what an action brings about."""

    journal: Journal

    def start(self, top: Blueprint) -> object:
        """Start the top supervisor; return None, ``IGNORE``, or the reason why it did not start."""

    def settle(self) -> None:
        """Return once nothing happens any more.

        Raises:
            Stuck: That does not come.
        """

    def crash(self, path: str, reason: str) -> None:
        """End the process of *path*.

        Raises:
            NotLive: There is none.
        """

    def signal(self, path: str, reason: str) -> None:
        """Send an exit signal from nobody it knows to the process of *path*.

        Raises:
            NotLive: There is none.
        """

    def unlink(self, path: str) -> None:
        """Have the process of *path* unlink itself from its supervisor.

        Raises:
            NotLive: There is none.
        """

    def flags(self, path: str) -> SupFlags:
        """Return the flags of the supervisor with *path*.

        Raises:
            NotLive: There is none.
        """

    def spec(self, given: Any, sup: str) -> ChildSpec:
        """Return *given*, a CHILD, as a spec for the live supervisor with path *sup*.

        Raises:
            OtpError: OTP refuses it.
            NotLive: There is no such supervisor.
        """

    def tagged(self, given: Mapping[str, Any], sup: str) -> ChildSpec:
        """Return *given*, a child of a DynamicSupervisor, as a spec for the live one with path *sup*.

        Raises:
            OtpError: Elixir refuses it.
            NotLive: There is no such supervisor.
        """

    def post(self, path: str, call: Call) -> Pending:
        """Put *call* into the mailbox of the supervisor with *path*.

        Raises:
            NotLive: There is none.
        """

    def stop_top(self, reason: str) -> None:
        """Send the top supervisor an exit signal from its parent.

        Raises:
            NotLive: It has ended.
        """

    def stop_sup(self, path: str, reason: str) -> None:
        """Ask the supervisor with *path* to end with *reason*.

        Raises:
            NotLive: There is none.
        """

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def shut_gate(self) -> None:
        """From now on the first gated init blocks."""

    def await_gate(self) -> None:
        """Return once a gated init blocks, or nothing happens any more."""

    def open_gate(self) -> None:
        """Let it go on, and block no other."""

    def latest(self, path: str) -> Ref | None:
        """Return the handle of the latest process of *path* that started, live or dead, or None."""

    def name_of(self, ref: Ref) -> str:
        """Return the instance behind *ref*, as the corpus writes it."""

    def info_of(self, ref: Ref) -> Any:
        """Return what else the start of *ref* answered, or None."""

    def tree(self) -> list[Any]:
        """Return the ``tree`` of a step."""

    def top_state(self) -> str:
        """Return the ``sup`` of a step."""

    def close(self) -> None:
        """Leave nothing behind."""
