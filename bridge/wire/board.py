"""One page of memory that host and child share: what was begun, ended and cancelled, exact even after a SIGKILL.

Each word has one writer: the child, and of what is cancelled the host. No message travels here. A word is written through an
aligned `memoryview.cast("Q")`, which a reader never sees half written (`struct.pack_into` does not promise that).
"""

from __future__ import annotations

import mmap
import os
from typing import final

from bridge.wire.numbers import lane_of

__all__ = ["Board", "Words"]

_SIZE = 4096
_STARTED, _FINISHED, _CANCELLED, _OUT_OF_MEMORY = range(4)
_WIDTH = 4  #: words of a lane; the last one is used in the first lane only, and is the whole interpreter's


@final
class Words:
    """What is said of the calls of one lane, which runs one at a time."""

    __slots__ = ("_words",)

    def __init__(self, words: memoryview) -> None:
        self._words = words

    @property
    def started(self) -> int:
        """The id of the last call that the child began to run; 0 before the first."""
        return self._words[_STARTED]

    @started.setter
    def started(self, call_id: int) -> None:
        self._words[_STARTED] = call_id

    @property
    def finished(self) -> int:
        """The id of the last call whose answer the child has handed to its socket; 0 before the first."""
        return self._words[_FINISHED]

    @finished.setter
    def finished(self, call_id: int) -> None:
        self._words[_FINISHED] = call_id

    @property
    def cancelled(self) -> int:
        """The id of the call that the host wants ended; 0 before the first. Written before any signal is sent for it."""
        return self._words[_CANCELLED]

    @cancelled.setter
    def cancelled(self, call_id: int) -> None:
        self._words[_CANCELLED] = call_id

    def close(self) -> None:
        """Let go of the page."""
        self._words.release()


@final
class Board:
    """The shared page; *fd* is a memfd that both ends map. The descriptor stays the caller's.

    Args:
        fd: Of the page.
        lanes: How many calls the interpreter may run at the same time.
    """

    def __init__(self, fd: int, lanes: int = 1) -> None:
        self._map = mmap.mmap(fd, _SIZE)
        self._page = memoryview(self._map).cast("Q")
        self.lanes = tuple(Words(self._page[_WIDTH * lane : _WIDTH * (lane + 1)]) for lane in range(lanes))

    @staticmethod
    def create_fd() -> int:
        """Return a new memfd of the right size."""
        fd = os.memfd_create("treewarden-board", os.MFD_CLOEXEC)
        os.ftruncate(fd, _SIZE)
        return fd

    def lane_of(self, call_id: int) -> int:
        """Return in which lane the call *call_id* is."""
        return lane_of(call_id, len(self.lanes))

    def of(self, call_id: int) -> Words:
        """Return what is said of the calls in the lane of *call_id*."""
        return self.lanes[self.lane_of(call_id)]

    @property
    def out_of_memory(self) -> bool:
        """Whether the child ended itself because its memory limit was reached."""
        return bool(self._page[_OUT_OF_MEMORY])

    def set_out_of_memory(self) -> None:
        """Say that the child ends because its memory limit was reached."""
        self._page[_OUT_OF_MEMORY] = 1

    def close(self) -> None:
        """Unmap the page."""
        for words in self.lanes:
            words.close()
        self._page.release()
        self._map.close()
