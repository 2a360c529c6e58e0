"""What was made during a test and is left at its end.

How it is seen is in ``resources``. The waiting is in real time, whatever clock the test's tree has.
"""

from __future__ import annotations

import gc
import os
import secrets
import time
from types import TracebackType
from typing import final

from actors.testing.resources import TEST_VARIABLE, Resource, held

__all__ = ["Watch"]

#: Real seconds for what is on its way out: a joined thread and a killed process leave /proc a moment later.
GRACE = 2.0
#: Real seconds between two looks.
INTERVAL = 0.01
#: How often is looked at the least, whatever the clock says: where a machine stands still for seconds, time passes and
#: nothing gets on its way out.
LOOKS = 50


@final
class Watch:
    """Looks at what this process holds when entered, and marks what it starts until it is left.

    The mark is an environment variable, so that a grandchild is found whose parent has died. A thread of its own
    it has none.
    """

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._before: frozenset[Resource] = frozenset()
        self._outer: str | None = None

    def __enter__(self) -> Watch:
        self._outer = os.environ.get(TEST_VARIABLE)
        os.environ[TEST_VARIABLE] = self._token
        self._before = held(self._token)
        return self

    def left(self, grace: float = GRACE) -> tuple[Resource, ...]:
        """Return what was made since the start and is still here, sorted by kind. Blocks while there is any.

        Args:
            grace: Real seconds to wait for it to go, and a little longer on a machine that stands still; 0 looks once.
        """
        deadline = time.monotonic() + grace
        new = held(self._token) - self._before
        if new:
            # What only a reference cycle holds goes now, and not whenever the collector would have run.
            gc.collect()
        looks = 0
        while new and grace > 0 and (looks < LOOKS or time.monotonic() < deadline):
            time.sleep(INTERVAL)
            new = held(self._token) - self._before
            looks += 1
        return tuple(sorted(new, key=lambda resource: (resource.kind.value, resource.name)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outer is None:
            os.environ.pop(TEST_VARIABLE, None)
        else:
            os.environ[TEST_VARIABLE] = self._outer
