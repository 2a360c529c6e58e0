"""Embed a tree in a service: an actor that keeps a tally, and a pool that counts words, under one supervisor.

Run it as ``python examples/service.py [WORKERS]``. The functions that workers run are ordinary functions of this file.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any, final

from actors import Pool
from supervision import Actor, ChildSpec, Tree

LINES = ["to be or not to be", "that is the question", "whether it is nobler to suffer"]


def count(line: str) -> Counter[str]:
    """Runs in a worker process."""
    return Counter(line.split())


@final
class Tally(Actor):
    """Adds up what it is sent; one message at a time, so it needs no lock."""

    def init(self) -> None:
        """Begin with nothing; also after a restart."""
        self.words: Counter[str] = Counter()

    def handle_cast(self, message: Counter[str]) -> None:
        """Add some words."""
        self.words.update(message)

    def handle_call(self, request: int, from_: Any) -> list[tuple[str, int]]:
        """Return the *request* most common words."""
        return self.words.most_common(request)


def main(workers: int) -> None:
    """Start the tree, do some work, show the tree; leaving the block stops it, children last to first."""
    pool = Pool(workers=workers, name="counters")
    tally = ChildSpec(id="tally", start=Tally)

    with Tree("service", [tally, pool.child_spec()]) as tree:
        adder = tree.registry.whereis("service/tally")
        assert adder is not None
        for line in LINES:
            adder.cast(pool.call(count, line, timeout=30.0))
        # A call is answered after the casts that this thread sent before it.
        for word, times in adder.call(3):
            print(f"{word:10} {times}")
        print(tree.as_text())


if __name__ == "__main__":
    main(workers=int(sys.argv[1]) if sys.argv[1:] else 2)
