"""``Pool.map``: one call for each item of an iterable, a few of them at a time, and the results as they are wanted.

The consumer's own thread takes the items in, so nothing runs ahead of it by more than the buffer.
"""

from __future__ import annotations

import functools
import operator
import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, final

import attrs

from actors.future import CallFuture
from actors.status_line import StatusLine, bar

__all__ = ["MapOptions", "MapResults", "OnError", "length_of"]

T = TypeVar("T")

#: What becomes of an item whose call failed.
OnError = Literal["raise", "return", "skip"]


def _buffer(_: object, __: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(
            f"buffer {value!r}: expected a whole number >= 1, of items that are taken in ahead of their results"
        )


def _on_error(_: object, __: attrs.Attribute[OnError], value: object) -> None:
    if value not in ("raise", "return", "skip"):
        raise ValueError(f"on_error {value!r}: expected one of raise, return, skip")


def _progress(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool) and not callable(value):
        raise TypeError(f"progress {value!r}: expected True, False, or a function of (done, total)")


@final
@attrs.frozen(kw_only=True)
class MapOptions:
    """How ``Pool.map`` goes about it; see there."""

    ordered: bool
    on_error: OnError = attrs.field(validator=_on_error)
    buffer: int = attrs.field(validator=_buffer)
    progress: bool | Callable[[int, int | None], Any] = attrs.field(validator=_progress)


@final
class MapResults(Generic[T], Iterator[T]):
    """What ``Pool.map`` returns: an iterator of the results. For one thread.

    To leave it before its end, ``close`` it, use it in a ``with`` block, or just drop it: what it has begun is cancelled.

    Args:
        items: The arguments of each call.
        submit: Begins the call of one item.
        options: How.
        total: How many items there are, if that is known.
        later: Runs a function soon, in another thread; takes no lock that anybody holds for long.
    """

    def __init__(
        self,
        items: Iterable[tuple[object, ...]],
        submit: Callable[[tuple[object, ...]], CallFuture[T]],
        options: MapOptions,
        total: int | None,
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._later = later
        self._items = iter(items)
        self._submit = submit
        self._options = options
        self._total = total
        self._exhausted = False  #: whether all items were taken in
        self._ahead: deque[CallFuture[T]] = deque()  #: begun, in the order of the items
        self._done: queue.SimpleQueue[CallFuture[T]] = queue.SimpleQueue()  #: if the order does not matter
        self._line = StatusLine(sys.stderr, redraw=sys.stderr.isatty()) if options.progress is True else None
        self._begun_at = time.monotonic()
        self.done = 0  #: items whose calls have ended, and were looked at
        self.failed = 0  #: of these, those that did not end in a result

    def __iter__(self) -> MapResults[T]:
        return self

    def __next__(self) -> T:
        """Return the next result. Blocks until it is there.

        Raises:
            StopIteration: There are no more.
            BaseException: With ``on_error="raise"``, what the call of an item raised, or could not be submitted for; the
                rest is cancelled. What the iterable raises.
        """
        try:
            while True:
                self._take_in()
                if not self._ahead:
                    self.close()
                    raise StopIteration
                future = self._next_done()
                error = future.exception()
                self._count(error)
                if error is None:
                    return future.result()
                if self._options.on_error == "raise":
                    raise error
                if self._options.on_error == "return":
                    return error  # type: ignore[return-value]  # that is what was asked for
        except StopIteration:
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Take in no more, and cancel what has begun; calls that run are ended. Never blocks. Idempotent."""
        self._exhausted = True
        ahead, self._ahead = self._ahead, deque()
        _cancel(ahead)
        if self._line is not None:
            self._line.clear()

    def __enter__(self) -> MapResults[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Not here: this may run wherever the garbage collector does, under the desk's own lock even.
        ahead = getattr(self, "_ahead", None)
        if ahead:
            self._later(functools.partial(_cancel, tuple(ahead)))

    def _take_in(self) -> None:
        """Begin calls until as many are ahead as may be."""
        while not self._exhausted and len(self._ahead) < self._options.buffer:
            try:
                item = next(self._items)
            except StopIteration:
                self._exhausted = True
                return
            future = self._submit(item)
            self._ahead.append(future)
            if not self._options.ordered:
                future.add_done_callback(self._done.put)  # type: ignore[arg-type]  # it is one of ours

    def _next_done(self) -> CallFuture[T]:
        """Return the future whose turn it is, once it is done."""
        if self._options.ordered:
            self._ahead[
                0
            ].exception()  # waits; left where it is if the wait is interrupted, so that it is cancelled
            return self._ahead.popleft()
        future = self._done.get()
        self._ahead.remove(future)
        return future

    def _count(self, error: BaseException | None) -> None:
        self.done += 1
        self.failed += error is not None
        if callable(self._options.progress):
            self._options.progress(self.done, self._total)
        elif self._line is not None:
            seconds = time.monotonic() - self._begun_at
            if self._line.is_due(seconds):
                self._line.draw(self._words(seconds))

    def _words(self, seconds: float) -> str:
        rate = f"{self.done / seconds:.0f}/s" if seconds > 0 else ""
        failed = f"  {self.failed} failed" if self.failed else ""
        if self._total is None:
            return f"{self.done} items  {rate}{failed}"
        return f"{bar(self.done, self._total)}{self.done}/{self._total} items  {rate}{failed}"


def _cancel(futures: Iterable[CallFuture[Any]]) -> None:
    for future in futures:
        future.cancel()


def length_of(iterables: Iterable[Iterable[object]]) -> int | None:
    """Return how many items the shortest of *iterables* has; None if one does not say."""
    lengths = [operator.length_hint(iterable, -1) for iterable in iterables]
    return None if -1 in lengths else min(lengths, default=0)
