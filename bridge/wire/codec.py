"""Python objects to payload frames and back: pickle protocol 5, big buffers out of band.

Which functions may be sent, and what to say when one cannot, is not here (`bridge.payload`). Of `pickle` the half in C is
imported alone, which is all that is used of it: the other half brings regular expressions along, 5 ms of a worker's start.
"""

from __future__ import annotations

import io
import sys
from _pickle import Unpickler
from _pickle import dumps as pickle_dumps
from _pickle import loads as pickle_loads
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bridge.wire.frames import LARGEST_DATA, MAX_FRAMES

if TYPE_CHECKING:
    from pickle import PickleBuffer, Pickler

__all__ = [
    "MAIN",
    "MAIN_BYTES",
    "OUT_OF_BAND",
    "REMOTE_MAIN",
    "dumper",
    "dumps",
    "is_in_band",
    "loads",
    "loads_at_home",
    "mentions",
]

PICKLE, PLAIN = "pickle", "json"  #: the names of the codecs: this one, and `wire.plain`

MAIN = "__main__"
REMOTE_MAIN = "__mp_main__"  #: the name under which a child knows the service's main module

#: As the pickler writes a short string of its own, such as a module's name: opcode, length, text. A longer string with
#: the name in it, such as a path that ends in ``__main__.py``, has another length.
MAIN_BYTES = b"\x8c\x08__main__"
_REMOTE_MAIN = b"\x8c\x0b__mp_main__"

#: Buffers of at least this many bytes travel as frames of their own; smaller ones are cheaper inside the pickle.
OUT_OF_BAND = 32 * 1024
#: Bytes that a value may have altogether, with some left for the head of a call.
LARGEST = LARGEST_DATA - 128 * 1024

Dump = Callable[..., bytes]


def dumps(value: object, dump: Dump = pickle_dumps) -> list[bytes | memoryview]:
    """Return the frames of *value*: its pickle, then its big buffers, not copied into it.

    Args:
        value: What to send. Its buffers must not change until the message is out.
        dump: Does the pickling; takes the arguments of `pickle.dumps`.

    Raises:
        OverflowError: If it is too large for a message.
        Exception: Whatever pickling *value* raises.
    """
    buffers = _OutOfBand()
    data = dump(value, protocol=5, buffer_callback=buffers)
    size = len(data)
    if not buffers and size < OUT_OF_BAND:
        return [data]
    size += sum(memoryview(buffer).nbytes for buffer in buffers)
    if size > LARGEST:
        raise OverflowError(f"{size} bytes are too many for one message, at most {LARGEST} go")
    return [data, *buffers]


class _OutOfBand(list[bytes | memoryview]):
    """Takes the buffers that a pickler finds, and says which go into the pickle itself."""

    __slots__ = ()

    def __call__(self, buffer: PickleBuffer) -> bool:
        if is_in_band(buffer) or len(self) == MAX_FRAMES - 1:  # one is left for the pickle itself
            return True
        self.append(buffer.raw())
        return False


def is_in_band(buffer: PickleBuffer) -> bool:
    """Return whether *buffer* goes into the pickle itself: it is small, or not in one piece."""
    view = memoryview(buffer)
    return view.nbytes < OUT_OF_BAND or not (view.c_contiguous or view.f_contiguous)


def dumper(base: type[Pickler], override: Callable[[Any], Any]) -> Dump:
    """Return what pickles as *base* does, but for what *override* takes: it is asked first, as a ``reducer_override``."""
    inherited: Any = getattr(base, "reducer_override", None)  # the C pickler has none, cloudpickle's has

    class Overriding(base):  # type: ignore[valid-type,misc]
        def reducer_override(self, obj: Any) -> Any:
            reduced = override(obj)
            return inherited(self, obj) if reduced is NotImplemented and inherited is not None else reduced

    def dump(value: object, **options: Any) -> bytes:
        file = io.BytesIO()
        Overriding(file, **options).dump(value)
        return file.getvalue()

    return dump


def loads(frames: Sequence[memoryview]) -> Any:
    """Return the object in *frames*; its out-of-band buffers are the receiver's own and writable.

    Raises:
        Exception: Whatever unpickling raises.
    """
    if len(frames) == 1:
        return pickle_loads(frames[0])
    return pickle_loads(frames[0], buffers=_own(frames))


def loads_at_home(frames: Sequence[memoryview]) -> Any:
    """Return the object in *frames*, of a child: what is of its `__mp_main__` is of the service's main module here.

    Raises:
        Exception: Whatever unpickling raises.
    """
    if REMOTE_MAIN not in sys.modules and _REMOTE_MAIN in frames[0].tobytes():
        return _MainUnpickler(io.BytesIO(frames[0]), buffers=_own(frames)).load()
    return loads(frames)


def _own(frames: Sequence[memoryview]) -> list[bytearray | memoryview]:
    # Pickle itself marks those buffers read-only that were so at the sender.
    return [bytearray(frame) if frame.readonly else frame for frame in frames[1:]]


def mentions(frames: Sequence[bytes | memoryview], module: bytes) -> bool:
    """Return whether the pickle in *frames* may refer to *module* (so may a string that is its very name)."""
    data = frames[0]
    return module in (data.tobytes() if isinstance(data, memoryview) else data)


class _MainUnpickler(Unpickler):
    """Finds in the service's main module what the child pickled as its `__mp_main__`."""

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(MAIN if module == REMOTE_MAIN else module, name)
