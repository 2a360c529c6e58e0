"""One page of memory that host and child share: what was begun, ended and cancelled, exact even after a SIGKILL.

Each word has one writer: the child, and of what is cancelled the host. No message travels here. A word is written through an
aligned `memoryview.cast("Q")`, which a reader never sees half written (`struct.pack_into` does not promise that).
"""

from __future__ import annotations

import mmap
import os

__all__ = ["Board"]

_SIZE = 4096
_STARTED, _FINISHED, _OUT_OF_MEMORY, _CANCELLED = range(4)


class Board:
    """The shared page; *fd* is a memfd that both ends map. The descriptor stays the caller's."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, _SIZE)
        self._words = memoryview(self._map).cast("Q")

    @staticmethod
    def create_fd() -> int:
        """Return a new memfd of the right size."""
        fd = os.memfd_create("treewarden-board", os.MFD_CLOEXEC)
        os.ftruncate(fd, _SIZE)
        return fd

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
    def out_of_memory(self) -> bool:
        """Whether the child ended itself because its memory limit was reached."""
        return bool(self._words[_OUT_OF_MEMORY])

    def set_out_of_memory(self) -> None:
        """Say that the child ends because its memory limit was reached."""
        self._words[_OUT_OF_MEMORY] = 1

    @property
    def cancelled(self) -> int:
        """The id of the call that the host wants ended; 0 before the first. Written before any signal is sent for it."""
        return self._words[_CANCELLED]

    @cancelled.setter
    def cancelled(self, call_id: int) -> None:
        self._words[_CANCELLED] = call_id

    def close(self) -> None:
        """Unmap the page."""
        self._words.release()
        self._map.close()
