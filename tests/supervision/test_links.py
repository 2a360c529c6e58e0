"""The whole table of what an exit signal does."""

from __future__ import annotations

import pytest

from supervision.exit_reason import KILLED, NOPROC, NORMAL, SHUTDOWN, ExitReason, crashed, shutdown
from supervision.links import Effect, effect_of_exit

REASONS = (NORMAL, SHUTDOWN, shutdown("x"), KILLED, NOPROC, crashed("x"))
ABNORMAL = REASONS[1:]


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_a_trapping_actor_terminates_for_its_parent(reason: ExitReason) -> None:
    """gen_server: an exit signal of the parent runs ``terminate``, whatever its reason."""
    assert effect_of_exit(reason, trap_exit=True, from_parent=True) is Effect.TERMINATE


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_a_trapping_actor_gets_a_message_from_others(reason: ExitReason) -> None:
    """Trapped exits are messages; a link's ``killed`` can be trapped, only a kill cannot."""
    assert effect_of_exit(reason, trap_exit=True, from_parent=False) is Effect.DELIVER


@pytest.mark.parametrize("from_parent", [True, False])
@pytest.mark.parametrize("reason", ABNORMAL, ids=str)
def test_an_actor_that_does_not_trap_dies(reason: ExitReason, from_parent: bool) -> None:
    """Every reason but ``normal`` ends it, without ``terminate``; shutdown is no exception."""
    assert effect_of_exit(reason, trap_exit=False, from_parent=from_parent) is Effect.DIE


@pytest.mark.parametrize("from_parent", [True, False])
def test_normal_is_ignored_by_whoever_does_not_trap(from_parent: bool) -> None:
    """A peer that was done takes nobody with it."""
    assert effect_of_exit(NORMAL, trap_exit=False, from_parent=from_parent) is Effect.IGNORE
