"""Children that await their ``ready``, and starts that are under way meanwhile."""

from __future__ import annotations

from typing import Any

from scripted import (
    Journal,
    TrappingProbe,
    do,
    in_thread,
    spec,
)

from supervision import (
    AwaitReady,
    Ref,
    Restart,
    Tree,
)
from supervision.errors import StartError
from supervision.supervisor import which_children

__all__ = ["Starting", "begun", "gated", "open_up", "steps"]


class Starting:
    """A start that is under way in a thread of its own: of one child of the root that awaits its ``ready``."""

    def __init__(self, tree: Tree, journal: Journal, kind: Any = TrappingProbe, **options: Any) -> None:
        self._tree, self._outcome = tree, Journal()
        begun = Journal()

        def init(actor: Any) -> AwaitReady:
            begun(actor.ref)
            return AwaitReady()

        child = spec("a", kind, journal, init, **{"restart": Restart.TEMPORARY, **options})
        self._thread = in_thread(lambda: tree.start_child(child), self._outcome)
        begun.wait_for(1)
        self.ref: Ref = begun.notes[0]
        do(self.ref)  # init is over

    def is_answered(self) -> bool:
        return self._outcome.notes != []

    def outcome(self) -> Any:
        """Wait for the answer; return the handle, or the error."""
        self._outcome.wait_for(1)
        self._thread.join()
        return self._outcome.notes[0]

    def reason(self) -> Any:
        """Wait for the failure; check that nothing of the child is left; return why it failed."""
        error = self.outcome()
        assert isinstance(error, StartError)
        assert not self.ref.is_alive()
        assert self._tree.registry.whereis(self.ref.name) is None
        assert which_children(self._tree.root) == ()
        return error.reason


def gated(id: str, journal: Journal, **options: Any) -> Any:
    """Return a child that notes its start and its end, and awaits its ``ready``."""
    init = lambda actor: journal(("init", id, actor.ref)) or AwaitReady()  # noqa: E731
    return spec(id, TrappingProbe, journal, init, **options)


def open_up(journal: Journal, id: str, number: int = 1) -> Ref:
    """Wait for the *number*-th start of *id*, and have it be ready."""
    ref = begun(journal, id, number)
    do(ref, lambda actor: actor.ready())
    return ref


def begun(journal: Journal, id: str, number: int = 1) -> Ref:
    """Wait for the *number*-th start of *id*."""

    def starts(notes: list[Any]) -> list[Ref]:
        return [note[2] for note in notes if note[:2] == ("init", id)]

    journal.wait_until(lambda notes: len(starts(notes)) >= number)
    return starts(journal.notes)[number - 1]


def steps(journal: Journal, since: int = 0) -> list[str]:
    """Return what was noted, as words."""
    return [f"{kind} {id}" for kind, id, _ in journal.notes[since:]]
