"""A tree that nobody stops, or that is stopped where it does not run: at the interpreter's exit, and after a fork."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from interruptible import sigint_as_by_default
from scripted import spec

from supervision import Tree
from supervision._pykka import thread as pykka_thread
from supervision.errors import StartError

#: What the programs below share: an actor that says when it ends, and a way to say it that needs no flush.
PRELUDE = """
import atexit, os, signal, sys, threading
from supervision import Actor, ChildSpec, Tree, VirtualClock
from supervision.ref import cell_of

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Heir(Actor):
    trap_exit = True
    def handle_call(self, request, from_):
        return request() if callable(request) else request
    def handle_cast(self, message):
        message()
    def terminate(self, reason):
        say("terminate", self.ref.name)

def child(id, start=Heir, **options):
    return ChildSpec(id=id, start=start, **options)
"""


def run(program: str) -> list[str]:
    """Run *program* in a fresh interpreter; return what it said, if it ended with 0, in time, and without a complaint."""
    with sigint_as_by_default():
        done = subprocess.run(
            [sys.executable, "-P", "-c", PRELUDE + textwrap.dedent(program)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    assert not done.stderr
    assert done.returncode == 0
    return done.stdout.splitlines()


# The exit of the interpreter


@pytest.mark.parametrize("held", ["tree = ", ""], ids=["held", "dropped"])
@pytest.mark.parametrize("clock", ["", "clock=VirtualClock()"], ids=["real", "virtual"])
def test_a_forgotten_tree_is_stopped_at_exit(held: str, clock: str) -> None:
    """In reverse start order, as by stop(); whether somebody still has the Tree or not, and whatever its clock."""
    said = run(f"{held}Tree('t', [child('a'), child('b')], {clock}).start()")

    assert said == ["terminate t/b", "terminate t/a"]


def test_what_was_registered_before_the_tree_outlives_it() -> None:
    """The hook is that of the tree's start: an exit function from before may close what the actors use."""
    said = run(
        """
        atexit.register(say, "before")
        Tree("t", [child("a")]).start()
        atexit.register(say, "after")
        """
    )

    assert said == ["after", "terminate t/a", "before"]


@pytest.mark.parametrize("clock", ["", "clock=VirtualClock()"], ids=["real", "virtual"])
def test_an_actor_that_does_not_end_does_not_hold_the_exit_up(clock: str) -> None:
    """After five real seconds the exit goes on; the others have run their terminate."""
    said = run(
        f"""
        entered = threading.Event()
        def hang():
            entered.set()
            threading.Event().wait()
        tree = Tree("t", [child("polite"), child("deaf", shutdown=1000.0)], {clock}).start()
        tree.registry.whereis("t/deaf").cast(hang)
        entered.wait()
        """
    )

    assert said == ["terminate t/polite"]


def test_a_tree_whose_start_is_under_way_or_was_interrupted_is_stopped_at_exit() -> None:
    """What runs of it ends: by the stop, or by itself, and the exit waits for that."""
    said = run(
        """
        class Slow(Heir):
            def init(self):
                entered.set()
                going.wait()
        entered, going, interrupted = threading.Event(), threading.Event(), threading.Event()
        under_way = Tree("t", [child("a"), child("slow", Slow)])
        threading.Thread(target=under_way.start, daemon=True).start()
        entered.wait()
        going.set()

        class Interrupting(Heir):
            def init(self):
                os.kill(os.getpid(), signal.SIGINT)
                interrupted.wait()
        class Late(Heir):
            def terminate(self, reason):
                threading.Event().wait(0.3)
                super().terminate(reason)
        try:
            Tree("u", [child("a", Late), child("b", Interrupting)]).start()
        except KeyboardInterrupt:
            say("interrupted")
            interrupted.set()
        """
    )

    assert sorted(said) == [
        "interrupted",
        "terminate t/a",
        "terminate t/slow",
        "terminate u/a",
        "terminate u/b",
    ]


def test_a_tree_that_was_stopped_leaves_no_hook_and_is_not_kept() -> None:
    """Nor does one that has ended by itself and was dropped; one that failed to start neither."""
    said = run(
        """
        import gc, weakref
        def known(tree):
            return [weakref.ref(tree), weakref.ref(tree.context), weakref.ref(tree._at_exit)]
        def left(refs):
            gc.collect(), gc.collect()  # the hook goes after what it watched
            return [ref() for ref in refs if ref() is not None]

        with Tree("t", [child("a")]) as tree:
            (hook,) = left([weakref.ref(tree._at_exit)])
            stopped = known(tree)
        del hook
        assert left(stopped[2:]) == [tree._at_exit]
        tree._at_exit = None
        assert not left(stopped[2:]), "registered though it was stopped"
        del tree
        assert not left(stopped)

        gave_up = Tree("u", [child("a")], intensity=0).start()
        threads = [cell_of(gave_up.registry.whereis(name)).thread for name in gave_up.registry.names()]
        gave_up.registry.whereis("u/a").stop()
        for thread in threads:
            thread.join()
        ended = known(gave_up)
        del gave_up
        assert not left(ended)

        running = Tree("v", [child("a")]).start()
        dropped = known(running)
        del running
        assert len(left(dropped)) == 2, "the context, which its actors hold, and the hook"
        say("done")
        """
    )

    assert said == ["terminate t/a", "terminate u/a", "done", "terminate v/a"]


def test_a_restart_while_the_interpreter_exits_is_no_trouble() -> None:
    """Since 3.12 no thread starts any more then: the child stays down, and the stop says nothing of it."""
    said = run(
        """
        def late():
            ref = tree.registry.whereis("t/a")
            ref.stop()
            try:
                tree.clock.call_at(tree.clock.now() + 60, lambda: None)
            except RuntimeError:
                pass
            tree.snapshot()
            say("stopped", tree.stop())
        tree = Tree("t", [child("a")], intensity=3).start()
        atexit.register(late)
        """
    )

    assert said[0] == "terminate t/a"
    assert said[-1] == "stopped True"


def test_a_pool_in_a_forgotten_tree_leaves_nothing(no_leaks: None) -> None:
    """No process of it, busy ones included, and no run directory."""
    said = run(
        """
        import json, time
        from actors import Pool
        pool = Pool(workers=2)
        tree = Tree("t", [pool.child_spec()]).start()
        pids = {pool.call(os.getpid, timeout=30.0)}
        begun = threading.Event()
        busy = threading.Thread(target=lambda: begun.set() or pool.call(time.sleep, 60.0, timeout=50.0), daemon=True)
        threading.excepthook = lambda _: None  # it hears of the end
        busy.start()
        begun.wait()
        runs = [node.status["run"] for node in tree.snapshot().walk() if "run" in node.status]
        say(json.dumps([sorted(pids), runs]))
        """
    )

    (pids, runs) = json.loads(said[0])
    assert len(runs) == 1
    assert not Path(runs[0]).exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


# A forked copy


COPY = """
    import warnings
    warnings.simplefilter("ignore")  # 3.12 warns of a fork with threads, which is what this is about
    tree = Tree("t", [child("a")]).start()
    {before}
    if os.fork() == 0:
        signal.alarm(20)  # a hang ends it with a signal
        {inside}
    _, status = os.wait()
    {after}
    say("copy", status, tree.registry.whereis("t/a").call("alive"))
    assert tree.stop()
"""


@pytest.mark.parametrize(
    "inside",
    [
        "assert tree.stop(float('inf')); os._exit(0)",
        "tree.__exit__(None, None, None); os._exit(0)",
        "sys.exit(0)",
    ],
    ids=["stop", "with", "exit"],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("lock = cell_of(tree.root)._lock; lock.acquire()", "lock.release()"),
        ("lock = tree._starting; lock.acquire()", "lock.release()"),
        ("lock = tree.registry._lock; lock.acquire()", "lock.release()"),
    ],
    ids=["no lock", "root's", "tree's", "registry's"],
)
def test_a_forked_copy_does_nothing_to_the_tree(inside: str, before: str, after: str) -> None:
    """Its stop, its ``with`` and its exit return at once, whatever lock was held at the fork; the tree runs on."""
    said = run(COPY.format(inside=inside, before=before, after=after))

    assert said == ["copy 0 alive", "terminate t/a"]


def test_a_forked_copy_is_told_that_it_is_one_and_may_have_a_tree_of_its_own() -> None:
    """Adding a child or starting anew there is refused; a tree that was made before the fork and started after it works."""
    program = """
    from supervision.errors import TreeNotRunning
    unstarted = Tree("u", [child("a")])
    def refused(attempt):
        try:
            attempt()
        except TreeNotRunning as error:
            return "a forked copy" in str(error)
    """
    inside = """assert refused(lambda: tree.start_child(child("b"))) and refused(tree.start)
        unstarted.start()
        sys.exit(0)"""
    said = run(textwrap.dedent(program) + textwrap.dedent(COPY.format(inside=inside, before="", after="")))

    assert said == ["terminate u/a", "copy 0 alive", "terminate t/a"]


def test_a_ctrl_c_in_the_moment_of_the_first_thread_is_no_failed_start(
    monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    """It comes out as what it is, and what had begun to run is ended; in a child's start it is that child's failure."""
    start_thread = pykka_thread.start_thread

    def interrupted(actor: Any, cell: Any) -> None:
        start_thread(actor, cell)
        if cell.ref.name == struck:
            raise KeyboardInterrupt

    monkeypatch.setattr(pykka_thread, "start_thread", interrupted)
    struck = "t"
    own = Tree("t", [spec("a")])
    with pytest.raises(KeyboardInterrupt):
        own.start()
    assert not own.is_running()

    struck = "u/a"
    with pytest.raises(StartError, match=r"child 'a' failed to start: .*KeyboardInterrupt"):
        Tree("u", [spec("a")]).start()
