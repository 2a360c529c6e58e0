"""Functions that the bridge's tests send to interpreters; importable there by name. Some of them do not come back."""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.interpreter import cancelled, report


def add(left: int, right: int) -> int:
    """Return the sum."""
    return left + right


def echo(value: Any) -> Any:
    """Return *value*."""
    return value


def described(value: dict[str, Any]) -> tuple[str, Any]:
    """Return *value* with the names of types that are not plain, and the attribute ``db`` of its "config"."""
    names = {key: each if type(each) in (int, list) else type(each).__name__ for key, each in value.items()}
    return repr(names).replace("'Config'", "Config").replace("'Unserialisable'", "Unserialisable"), value[
        "config"
    ].db


def modules() -> list[str]:
    """Return what this process has imported."""
    return sorted(sys.modules)


def environment(name: str) -> str | None:
    """Return a variable of this process's environment."""
    return os.environ.get(name)


def import_path() -> list[str]:
    """Return where this process imports from."""
    return sys.path


class BadTaste(Exception):
    """An exception whose constructor refuses what pickle would give it: it takes more than it keeps in ``args``."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two


class Undone(Exception):
    """An exception that pickles, and can be rebuilt in the process that made it alone."""

    def __reduce__(self) -> tuple[Callable[[int], int], tuple[int]]:
        return _only_in, (os.getpid(),)


class Unpicklable(Exception):
    """An exception that does not pickle."""

    def __init__(self) -> None:
        super().__init__("it holds a lock")
        self.lock = threading.Lock()


class Disguised(Exception):
    """An exception that pickles as something else."""

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("a mere word",)


class Elsewhere:
    """A value that can be rebuilt in the process that made it alone."""

    def __reduce__(self) -> tuple[Callable[[int], int], tuple[int]]:
        return _only_in, (os.getpid(),)


def _only_in(pid: int) -> int:
    if os.getpid() != pid:
        raise RuntimeError("made elsewhere")
    return pid


def fail(error: BaseException | None = None) -> None:
    """Raise."""
    raise error or ValueError("as asked")


def fail_unpicklable() -> None:
    """Raise what cannot be sent."""
    raise Unpicklable


def fail_in_bad_taste() -> None:
    """Raise what its own constructor would not rebuild."""
    raise BadTaste("one", "two")


def fail_undone() -> None:
    """Raise what can be sent and not be rebuilt."""
    raise Undone("of mine")


def fail_without_imports() -> None:
    """Raise where nothing can be imported any more."""
    sys.meta_path.clear()
    fail()


def fail_with_a_cause() -> None:
    """Raise an error with a note, because of another, while a third was handled."""
    try:
        fail()
    except ValueError:
        try:
            raise LookupError("no such key")
        except LookupError as cause:
            error = RuntimeError("gave up")
            error.add_note("while reading line 7")
            raise error from cause


def fail_together() -> None:
    """Raise a group, with a group in it, with a note and a leaf that its own constructor would not rebuild."""
    leaf = BadTaste("one", "two")
    leaf.add_note("a note of the leaf")
    raise ExceptionGroup("several", [ValueError("a"), ExceptionGroup("inner", [leaf])])


def fail_together_unpicklably() -> None:
    """Raise a group of which one leaf cannot be sent."""
    raise ExceptionGroup("several", [ValueError("a good leaf"), Unpicklable()])


def fail_at_length(size: int) -> None:
    """Raise what cannot be sent, with a text of *size* characters."""
    error = Unpicklable()
    error.args = ("x" * size,)
    raise error


def held(name: str) -> dict[str, Any]:
    """Return what cannot be sent, under *name*."""
    return {name: threading.Lock()}


def holder() -> dict[str, Any]:
    """Return a value with a part that cannot be sent."""
    return {"fine": 1, "config": {"db": [threading.Lock()]}}


def fail_as_a_string() -> None:
    """Raise what arrives as a string."""
    raise Disguised("of mine")


def leave(code: int) -> None:
    """Say last words, one without a line break, and end without any clean-up."""
    sys.stdout.write("almost done\n")
    sys.stderr.write("last words")
    os._exit(code)


def crash() -> None:
    """Read at address 0."""
    ctypes.string_at(0)


def hold_the_gil() -> None:
    """Never return, never let another thread of this process run, and never look for signals."""
    collections.deque(itertools.repeat(None), maxlen=0)


def report_and_hold_the_gil() -> None:
    """Say that it runs, then hold the GIL."""
    report(1)
    hold_the_gil()


def wait_for_ever() -> None:
    """Say that it runs, then wait for a signal that ends it."""
    report(1, 2, "here")
    while True:
        signal.pause()


def eat_memory() -> int:
    """Take memory until there is none."""
    kept = []
    while True:
        kept.append(bytearray(16 * 1024 * 1024))


def is_refused(size: int) -> bool:
    """Return whether memory of *size* bytes is refused, all of it at once."""
    try:
        bytearray(size)
    except MemoryError:
        return True
    return False


def found_family() -> tuple[int, int]:
    """Start one process in the group and one that leaves it; return their pids. They wait for a signal."""
    sleep = ["sleep", "infinity"]
    inside = subprocess.Popen(sleep)
    outside = subprocess.Popen(sleep, start_new_session=True)
    _kept.extend((inside, outside))
    return inside.pid, outside.pid


#: What must not be collected: a Popen that still runs warns.
_kept: list[subprocess.Popen[bytes]] = []


def start_family(path: str) -> None:
    """Start one process in the group and one that leaves it, write down their pids, and hold the GIL."""
    sleep = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
    inside = subprocess.Popen(sleep)
    outside = subprocess.Popen(sleep, start_new_session=True)
    Path(path).write_text(f"{inside.pid} {outside.pid}")
    report(2, 2, "started")
    hold_the_gil()


def reports(count: int) -> int:
    """Report *count* times."""
    for n in range(count):
        report(n, count, f"step {n}")
    return count


def flood(size: int) -> int:
    """Write *size* bytes to each stream, more than a pipe holds."""
    os.write(1, b"o" * size)
    sys.stderr.write("e" * size)
    return size


def is_writable(array: bytearray) -> tuple[bool, int]:
    """Return whether the argument may be changed here, and its size."""
    return not memoryview(array).readonly, len(array)


class Buffer:
    """A value that pickles its bytes out of band, as arrays do."""

    def __init__(self, data: bytearray | memoryview) -> None:
        self.data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        import pickle

        return Buffer, (pickle.PickleBuffer(self.data),)


def grown(buffer: Buffer) -> Buffer:
    """Write into the argument and return it."""
    buffer.data[0] = 7
    return buffer


def raise_exit() -> None:
    """Ask for the end of the process, as user code may."""
    sys.exit(3)


def at_exit(path: str) -> None:
    """Have *path* written at an orderly end."""
    import atexit

    atexit.register(Path(path).write_text, "orderly")


def ignore_terminate() -> None:
    """Be deaf to SIGTERM and to requests to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    wait_for_ever()


def speak_garbage() -> None:
    """Break the protocol: send bytes that are no message on this process's data channel."""
    _raw_send([b"rubbish"])


def speak_too_early() -> None:
    """Answer a call that was never sent."""
    from bridge.wire.frames import Kind, pack

    _raw_send([pack(Kind.RESULT, 1, 1000, [b"x"])])


def _raw_send(frames: list[bytes]) -> None:
    import gc

    import zmq

    # The loop lends no socket; a test takes it.
    every = [each for each in gc.get_objects() if isinstance(each, zmq.backend.Socket) and not each.closed]
    data = next(each for each in every if bytes(each.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").endswith(b"-0"))
    for frame in frames[:-1]:
        data.send(frame, zmq.SNDMORE)
    data.send(frames[-1])


def own_connections() -> list[int]:
    """Return the descriptors of this process's sockets: ZeroMQ's connections to the service."""
    return [
        int(path.name)
        for path in Path("/proc/self/fd").iterdir()
        if os.path.realpath(path).find("socket:") >= 0
    ]


def cut_connections() -> None:
    """End the connections to the service, as a stray close() does, and live on."""
    for fd in own_connections():
        with socket.socket(fileno=os.dup(fd)) as found:
            found.shutdown(socket.SHUT_RDWR)
    wait_for_ever()


def scribble_on_connections() -> None:
    """Write into the middle of ZeroMQ's own stream, as a stray write() does, and live on."""
    for fd in own_connections():
        os.write(fd, b"\xff" * 64)
    wait_for_ever()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.write_text, (Path(self.path), "exploded")


def send_bomb(path: str, kind: str, call_id: int) -> None:
    """Answer the running call with a pickle that writes *path* where it is unpickled, as a result or an error."""
    import pickle

    from bridge.wire.frames import Kind, pack

    bomb = pickle.dumps(Bomb(path))
    told = b'{"stage": "call", "type": "x", "text": "", "repr": "", "traceback": "", "unsent": ""}'
    if kind == "result":
        _raw_send([pack(Kind.RESULT, 1, call_id, [bomb])])
    elif kind == "result and more":
        _raw_send([pack(Kind.RESULT, 1, call_id, [b"null", bomb]), bomb])
    else:
        _raw_send([pack(Kind.ERROR, 1, call_id, [told, bomb]), bomb])


def totals(data: bytes | memoryview) -> tuple[str, int, int]:
    """Return the type of *data*, its size, and the sum of some of it."""
    return type(data).__name__, len(data), sum(data[:: max(1, len(data) // 100)])


class Config:
    """Holds something; a class that an interpreter can import."""

    def __init__(self, size: int, db: object) -> None:
        self.size = size
        self.db = db


def until_cancelled() -> str:
    """Say that it runs, and look whether it should end; then end in good order."""
    report(1, 2, "here")
    while not cancelled():
        threading.Event().wait(0.001)
    return "ended in good order"


def clean_up(path: str) -> None:
    """Wait, and write down which exception ended that."""
    try:
        wait_for_ever()
    except BaseException as error:
        Path(path).write_text(f"{type(error).__name__} {isinstance(error, KeyboardInterrupt)}")
        raise


def swallow(answer: str) -> str:
    """Wait; when interrupted, return *answer* all the same."""
    try:
        wait_for_ever()
    except KeyboardInterrupt:
        return answer
    raise AssertionError("nothing else ends it")


def other_failure() -> None:
    """Wait; when interrupted, raise something else."""
    try:
        wait_for_ever()
    except KeyboardInterrupt:
        raise LookupError("while cleaning up") from None


def deaf_to_interrupts() -> None:
    """Say that it runs, then wait for ever, whatever interrupts."""
    report(1, 2, "here")
    while True:
        try:
            signal.pause()
        except KeyboardInterrupt:
            continue


def stays_at_sigterm() -> str:
    """Be deaf to interrupts; end at SIGTERM, and return as if nothing had happened."""

    def end(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGTERM, end)
    try:
        deaf_to_interrupts()
    except TimeoutError:
        return "still here"
    raise AssertionError("nothing else ends it")


def leave_a_thread_that_does_not_end() -> None:
    """Leave one that Python waits for at its end."""
    threading.Thread(target=threading.Event().wait).start()


def default_sigint() -> None:
    """Let SIGINT end the process, as in a program that is no Python."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wait_for_ever()


class Slow:
    """A value that takes for ever to be rebuilt."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return wait_for_ever, ()


def is_cancelled() -> bool:
    """Return whether this very call is to end."""
    return cancelled()


def stumble(token: int, rounds: int) -> int:
    """Work for a while in many small steps, with clean-up on the way, and return *token*."""
    done = 0
    for _ in range(rounds):
        try:
            done += len(str(done))
        finally:
            done -= 1
    return token


def raise_stop_iteration() -> None:
    """Raise what ends a loop."""
    raise StopIteration("enough")


def sockets() -> list[str]:
    """Return the kernel's names of this process's sockets; each is given once."""
    return sorted(name for fd in Path("/proc/self/fd").iterdir() if (name := _link(fd)).startswith("socket:"))


def _link(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


def hold_the_gil_for_long() -> str:
    """Let no other thread of this process run for about a second, whatever signals come: a loop within one instruction."""
    sum(range(50_000_000))
    return "done"
