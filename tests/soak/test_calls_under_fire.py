"""200,000 calls while their workers are killed: each ends once, with a result or a typed error, and nothing is left."""

from __future__ import annotations

import pytest
from under_fire import under_fire

#: Bytes that the service may have grown by between a tenth of the calls and the end.
GROWTH = 24 * 1024 * 1024


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_call_ends_once(no_leaks: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A SIGKILL every 50 ms; at least half of the deaths struck a call that had begun."""
    told = under_fire(calls=200_000, workers=8, callers=12, every=0.05, seed=1, growth=GROWTH)

    with capsys.disabled():
        print(f"\n{told}")
