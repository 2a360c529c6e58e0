"""A tree as a service's main work, in real processes that get real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from interruptible import sigint_as_by_default
from scripted import spec

from supervision import NORMAL, Tree, serve
from supervision.errors import NotMainThread

SERVICE = textwrap.dedent(
    """
    import signal, sys, threading
    from supervision import Actor, AutoShutdown, ChildSpec, Restart, Stop, Tree, serve
    from supervision.exit_reason import NORMAL

    def say(*words):
        print(*words, flush=True)

    class Child(Actor):
        trap_exit = True

        def init(self, name):
            self.name = name
            say("up", name)

        def terminate(self, reason):
            say("down", self.name, reason)
            if "stubborn" in sys.argv:
                threading.Event().wait()

        def handle_continue(self, term):
            return Stop(NORMAL)

    class Done(Child):
        def init(self, name):
            super().init(name)
            self.send_after(0.0, "done")

        def handle_info(self, message):
            return Stop(NORMAL)

    class Struck(Child):
        def init(self, name):
            super().init(name)
            self.send_after(0.3, "strike")  # by then the main thread waits

        def handle_info(self, message):
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    if "struck" in sys.argv:
        tree = Tree("service", [ChildSpec(id="a", start=Struck, args=("a",), shutdown=3600.0)])
    elif "ends" in sys.argv:
        specs = [ChildSpec(id="a", start=Done, args=("a",), restart=Restart.TRANSIENT, significant=True)]
        tree = Tree("service", specs, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    else:
        specs = [ChildSpec(id=id, start=Child, args=(id,), shutdown=3600.0) for id in "ab"]
        tree = Tree("service", specs)
    before = signal.getsignal(signal.SIGTERM)
    reason = serve(tree, stop_timeout=3600.0, on_signal=lambda came: say("came", came.name))
    say("served", reason, signal.getsignal(signal.SIGTERM) is before)
    """
)


@contextmanager
def service(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the service above as a process of its own."""
    with sigint_as_by_default():
        process = subprocess.Popen([sys.executable, "-c", SERVICE, *words], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the next *count* lines that it prints."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip() for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_tree_in_good_order(number: signal.Signals) -> None:
    """Children last to first, each with its terminate; then the process goes on, with its old handlers back."""
    with service() as process:
        assert lines(process, 2) == ["up a", "up b"]
        process.send_signal(number)

        assert lines(process, 4) == [
            f"came {number.name}", "down b shutdown", "down a shutdown", "served shutdown True",
        ]  # fmt: skip
        assert process.wait(timeout=30) == 0


def test_a_second_signal_leaves_the_rest_to_itself() -> None:
    """An orderly stop that would last an hour is cut short; the process can end."""
    with service("stubborn") as process:
        assert lines(process, 2) == ["up a", "up b"]
        process.terminate()
        assert lines(process, 2) == ["came SIGTERM", "down b shutdown"]
        process.terminate()

        told = lines(process, 2)
        assert "served killed True" in told
        assert process.wait(timeout=30) == 0


def test_a_signal_that_another_thread_gets_is_heard() -> None:
    """The kernel chooses the thread: if the main one waits for a lock, nothing wakes it up for its handlers."""
    with service("struck") as process:
        assert lines(process, 4) == ["up a", "came SIGTERM", "down a shutdown", "served shutdown True"]
        assert process.wait(timeout=30) == 0


def test_a_tree_that_ends_by_itself_ends_the_serving() -> None:
    """No signal is needed: the exit reason is returned."""
    with service("ends") as process:
        assert lines(process, 3) == ["up a", "down a normal", "served shutdown True"]
        assert process.wait(timeout=30) == 0


def test_only_the_main_thread_can_serve(no_leaks: None) -> None:
    """Python's rule, told before anything is started."""
    tree = Tree("elsewhere", [spec("a")])
    caught: list[BaseException] = []

    def run() -> None:
        try:
            serve(tree)
        except NotMainThread as error:
            caught.append(error)

    thread = threading.Thread(target=run, name="side")
    thread.start()
    thread.join()

    assert "'side'" in str(caught[0])
    assert not tree.has_started()


def test_without_being_asked_no_handler_is_set(no_leaks: None) -> None:
    """A tree that is started and stopped leaves signals alone."""
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with Tree("quiet", [spec("a")]) as tree:
        assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == before
    assert tree.wait(0) != NORMAL
