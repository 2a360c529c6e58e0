"""The plugin in suites of its own, each in a child process: leaks are found and named, clean tests pass."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Each leak keeps itself alive through KEPT and ends with its pytest process, so that nothing is left of these suites.
LEAKS = """
    import atexit, os, socket, subprocess, threading
    import pytest, zmq
    from bridge.run_dir import RunDirectory
    from supervision import MonotonicClock

    KEPT = []
    pytestmark = pytest.mark.usefixtures("no_leaks")

    def start(*command):
        reader, writer = os.pipe()
        KEPT.append(writer)
        child = subprocess.Popen(command, stdin=reader, stdout=subprocess.DEVNULL)
        os.close(reader)
        KEPT.append(child)
        return child

    def test_child():
        start("cat", "-u", "-")

    def test_zombie():
        KEPT.append(subprocess.Popen(["true"]))

    def test_orphan():
        start("sh", "-c", "exec 3<&0; cat -b - <&3 & exit 0").wait()

    def test_thread():
        threading.Thread(target=threading.Event().wait, name="the-idle-one", daemon=True).start()

    def test_thread_of_c_code():
        KEPT.append(zmq.Context())
        KEPT.append(KEPT[-1].socket(zmq.PULL))

    def test_socket():
        KEPT.append(socket.create_server(("127.0.0.1", 0)))

    def test_descriptor():
        KEPT.append(os.open("/dev/null", os.O_RDONLY))

    def test_run_directory():
        run = RunDirectory.create(MonotonicClock())
        atexit.register(run.remove)
"""

NAMED = {
    "test_child": "*process *: cat -u -*",
    "test_zombie": "*process *ended but not reaped*",
    "test_orphan": "*process *: cat -b -*",
    "test_thread": "*thread 'the-idle-one' (tid *)*",
    "test_thread_of_c_code": "*thread 'ZMQ*",
    "test_socket": "*socket *: AF_INET SOCK_STREAM ('127.0.0.1', *)*",
    "test_descriptor": "*descriptor *: /dev/null*",
    "test_run_directory": "*run directory /*treewarden-*",
}


@pytest.mark.promise("isolation-kit")
@pytest.mark.parametrize("case", NAMED)
def test_a_leak_fails_its_test_and_is_named(pytester: pytest.Pytester, case: str) -> None:
    """Whatever the kind of leak, the test that made it ends in an error that says what it is."""
    pytester.makepyfile(LEAKS)

    result = pytester.runpytest_subprocess("-k", f"{case} and not {case}_")

    result.assert_outcomes(passed=1, errors=1, deselected=len(NAMED) - 1)
    result.stdout.fnmatch_lines(["*left behind by this test:", NAMED[case]])


@pytest.mark.promise("isolation-kit")
def test_what_is_put_away_is_no_leak(pytester: pytest.Pytester) -> None:
    """The twin of the leaks: the same things, ended and closed within the test, pass."""
    pytester.makepyfile("""
        import os, socket, subprocess, threading
        import zmq
        from bridge.run_dir import RunDirectory
        from supervision import MonotonicClock

        def test_tidy(no_leaks):
            RunDirectory.create(MonotonicClock()).remove()
            subprocess.run(["true"], check=True)
            thread = threading.Thread(target=str)
            thread.start()
            thread.join()
            with zmq.Context() as context, context.socket(zmq.PULL):
                pass
            socket.create_server(("127.0.0.1", 0)).close()
            os.close(os.open("/dev/null", os.O_RDONLY))
    """)

    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_what_was_there_before_is_no_leak(pytester: pytest.Pytester) -> None:
    """What a module's fixture holds for several tests is not blamed on one of them."""
    pytester.makepyfile("""
        import os
        import pytest

        @pytest.fixture(scope="module")
        def opened():
            descriptor = os.open("/dev/null", os.O_RDONLY)
            yield descriptor
            os.close(descriptor)

        def test_one(opened, no_leaks): ...
        def test_two(opened, no_leaks): ...
    """)

    pytester.runpytest_subprocess().assert_outcomes(passed=2)


@pytest.mark.promise("isolation-kit")
def test_each_test_has_a_tree_of_its_own(pytester: pytest.Pytester) -> None:
    """The tree is running, in virtual time, and named by the test; two tests may use one name in their registries."""
    pytester.makepyfile("""
        import pytest
        from supervision import Actor, ChildSpec, VirtualClock

        @pytest.mark.parametrize("turn", [1, 2])
        def test_tree(tree, request, turn):
            assert tree.is_running()
            assert isinstance(tree.clock, VirtualClock)
            assert request.node.name in tree.name
            assert tree.registry.whereis("the one") is None
            tree.registry.register("the one", tree.start_child(ChildSpec(id="a", start=Actor)))
    """)

    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_clock_of_the_tree_can_be_chosen(pytester: pytest.Pytester) -> None:
    """A suite that overrides ``tree_clock`` has its clock in the tree; the clock's thread is ended with it."""
    pytester.makepyfile("""
        import pytest
        from supervision import MonotonicClock

        @pytest.fixture
        def tree_clock(no_leaks):
            return MonotonicClock("real")

        def test_tree(tree):
            assert isinstance(tree.clock, MonotonicClock)
            tree.clock.call_at(tree.clock.now() + 1000.0, str)
    """)

    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_an_actor_that_ignores_its_shutdown_fails_the_test(pytester: pytest.Pytester) -> None:
    """Virtual time is moved until the shutdown has expired; the abandoned actor and its thread are named."""
    pytester.makepyfile("""
        import threading
        from supervision import Actor, ChildSpec

        class Stubborn(Actor):
            def handle_info(self, hanging):
                hanging.set()
                threading.Event().wait()

        def test_tree(tree):
            hanging = threading.Event()
            tree.start_child(ChildSpec(id="stubborn", start=Stubborn)).send(hanging)
            assert hanging.wait(10.0)
    """)

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines_random(["*did not stop with its tree: *stubborn*", "*thread '*stubborn*"])


def test_an_unused_plugin_is_silent(pytester: pytest.Pytester) -> None:
    """A suite that asks for no fixture of ours sees no option, no line of output and no change of its environment."""
    pytester.makepyfile("""
        import os

        def test_nothing():
            assert not [name for name in os.environ if name == "TREEWARDEN_TEST"]
    """)

    result = pytester.runpytest_subprocess("-q")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*leak*")


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """Every suite of the environment loads it, so it imports none of our packages' code, nor what they stand on."""
    program = (
        "import sys, actors.testing.plugin; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()

    assert "actors" in loaded
    assert not {"asyncio", "attrs", "bridge", "loguru", "pykka", "sqlite3", "supervision", "zmq"} & {*loaded}
