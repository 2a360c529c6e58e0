"""The window into a running service: a unix socket in its run directory that answers questions, one JSON line each way.

What is answered is given by whoever opens it. Nothing that is asked can block or slow the service: each connection has a
thread of its own, a few at a time, and deadlines; questions and answers have limits. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, final

from bridge.lifeline import close_private, keep_private
from supervision.clock import MonotonicClock

__all__ = ["LONGEST_ANSWER", "SOCKET", "Inspection"]

#: Its name in the run directory; as short as those of the workers' sockets, see `run_dir`.
SOCKET: Final = "inspect"
#: Bytes of an answer.
LONGEST_ANSWER: Final = 8 * 1024 * 1024
#: Bytes of a question.
_LONGEST_QUESTION: Final = 4096
#: Who is served at the same time; one more is told to come again.
_CLIENTS: Final = 4
#: Seconds for a question to come in, and for an answer to be taken.
_PATIENCE: Final = 2.0
#: Milliseconds until the next try, when nobody can be let in.
_PAUSE: Final = 100


@final
class Inspection:
    """See the module. A question is ``{"ask": name}``; its answer what the function of that name returns, or an error.

    Args:
        directory: A run directory; private, so that only this user can ask.
        answers: What can be asked. Called in a thread of its own; must end by itself. Values that JSON does not have are
            given as their ``str``.
        name: Of the threads.
    """

    def __init__(self, directory: Path, answers: Mapping[str, Callable[[], object]], name: str) -> None:
        self._path = directory / SOCKET
        self._answers = answers
        self._name = name
        self._owner = os.getpid()
        self._listener = -1
        self._wake_fd = -1
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # guards the next
        self._clients: dict[socket.socket, threading.Thread] = {}

    def start(self) -> None:
        """Listen. Never blocks.

        Raises:
            OSError: There can be no such socket.
        """
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
            listener.bind(str(self._path))
            self._path.chmod(0o600)
            listener.listen(_CLIENTS)
            listener.setblocking(False)
            self._listener = listener.detach()
        # A forked copy of the service answers nobody, and must not look as if it would.
        keep_private(self._listener)
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._main, name=f"{self._name}/inspect", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Stop listening and cut off who is being served. Idempotent; nothing in a forked copy of the service.

        Args:
            timeout: Real seconds to wait for the threads; each ends by itself, some time later, if its answer takes so
                long.

        Returns:
            Whether they have ended.
        """
        if self._thread is None or os.getpid() != self._owner:
            return True
        deadline = MonotonicClock.now() + timeout
        if self._wake_fd >= 0:
            os.eventfd_write(self._wake_fd, 1)
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        if self._wake_fd >= 0:
            os.close(self._wake_fd)
            self._wake_fd = -1
            close_private(self._listener)
            self._path.unlink(missing_ok=True)
        with self._lock:
            clients = list(self._clients.items())
        for client, _ in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for _, thread in clients:
            thread.join(max(0.0, deadline - MonotonicClock.now()))
        return not any(thread.is_alive() for _, thread in clients)

    def _main(self) -> None:
        both, woken = select.poll(), select.poll()
        both.register(self._listener, select.POLLIN)
        for each in (both, woken):
            each.register(self._wake_fd, select.POLLIN)
        while not any(fd == self._wake_fd for fd, _ in both.poll()):
            listener = socket.socket(fileno=self._listener)
            try:
                client, _ = listener.accept()
            except OSError:
                # Whoever it was has left again. Or there is no descriptor for it, and it goes on knocking: then not at once.
                if woken.poll(_PAUSE):
                    return
                continue
            finally:
                listener.detach()
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_PATIENCE)
        thread = threading.Thread(
            target=self._converse, args=(client,), name=f"{self._name}/inspect-client", daemon=True
        )
        with self._lock:
            busy = len(self._clients) >= _CLIENTS
            if not busy:
                self._clients[client] = thread
        try:
            if busy:
                client.setblocking(False)
                client.send(_line({"error": f"{_CLIENTS} others are being served; ask again"}))
            else:
                thread.start()
                return
        except (OSError, RuntimeError):  # no thread can be started, as while the interpreter exits
            pass
        self._forget(client)

    def _converse(self, client: socket.socket) -> None:
        try:
            client.sendall(self._answer(_question(client)))
        except OSError:
            pass  # it left, or took too long: its affair
        finally:
            self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.pop(client, None)
        client.close()

    def _answer(self, question: bytes) -> bytes:
        try:
            asked = json.loads(question)
            answer = self._answers[asked["ask"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            known = ", ".join(sorted(self._answers))
            return _line({"error": f'expected one line {{"ask": NAME}}, NAME one of: {known}'})
        try:
            line = _line({"answer": answer()})
        except Exception as error:
            return _line({"error": f"{type(error).__name__}: {error}"})
        if len(line) > LONGEST_ANSWER:
            return _line({"error": f"the answer has {len(line)} bytes, {LONGEST_ANSWER} are allowed"})
        return line


def _question(client: socket.socket) -> bytes:
    """Return the line that *client* sends, whole or not.

    Raises:
        OSError: It did not come in time.
    """
    deadline = MonotonicClock.now() + _PATIENCE
    question = b""
    while b"\n" not in question and len(question) < _LONGEST_QUESTION:
        # The deadline is for the line, not for each byte of it.
        client.settimeout(max(0.001, deadline - MonotonicClock.now()))
        if not (part := client.recv(_LONGEST_QUESTION - len(question))):
            break
        question += part
    client.settimeout(_PATIENCE)
    return question


def _line(answer: object) -> bytes:
    return json.dumps(answer, default=str).encode() + b"\n"
