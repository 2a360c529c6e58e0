"""What the layers of the test kit promise of themselves: what they start, which one it is, and what they answer."""

from __future__ import annotations

import functools
import math
import os
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import pool_functions as work
import pytest
from desk_house import ScriptedClock

from actors import (
    CallDeadline,
    InterpreterOptions,
    InterpreterUnusable,
    NoAnswer,
    NoPong,
    PlatformUnsupported,
    Pool,
    RemoteError,
    Session,
    UnknownOption,
    WorkerDied,
)
from actors.testing.answers import Answers
from actors.testing.layers import LAYER, LAYERS, PYTHON, layered_pool
from actors.testing.mock import MockLauncher
from actors.testing.resources import Kind, held
from bridge.certificate import ExitStatus, Verdict
from bridge.launchers.fake import FakeLauncher
from bridge.payload import encode_call
from supervision import ChildSpec, Supervisor, SupFlags, Tree, VirtualClock

APool: TypeAlias = Callable[..., Pool]

PATIENCE = 30.0
#: The layers on which only the test answers.
mocked = pytest.mark.parametrize("pool_layer", ["mock", "bridge"])
everywhere = pytest.mark.parametrize("pool_layer", LAYERS)


@pytest.fixture(autouse=True)
def no_word_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs this suite on some layer does not mean these tests."""
    monkeypatch.delenv(LAYER, raising=False)
    monkeypatch.delenv(PYTHON, raising=False)


def choices(pool: Pool) -> dict[str, tuple[str, str]]:
    """Return what was chosen for *pool*, and why."""
    return {each.what: (each.value, each.why) for each in pool.status().choices}


# What is started


@pytest.mark.promise("mock-layer-spawns-nothing")
@pytest.mark.promise("mock-parity")
@pytest.mark.parametrize(
    ("pool_layer", "expected"),
    [
        ("mock", set()),
        ("bridge", {Kind.SOCKET, Kind.RUN_DIRECTORY}),
        ("real", {Kind.SOCKET, Kind.RUN_DIRECTORY, Kind.PROCESS}),
    ],
)
def test_what_each_layer_starts(a_pool: APool, answers: Answers, expected: set[Kind]) -> None:
    """The mock no process, no socket, no thread of ZeroMQ's; the bridge no process: seen from within its calls, too."""
    mark = os.environ["TREEWARDEN_TEST"]
    before = held(mark)
    seen: set[Any] = set()

    def look(number: int) -> int:
        seen.update(held(mark) - before)
        return abs(number)

    answers.put(abs, result_of=look)
    pool = a_pool(workers=3)
    assert pool.wait_ready(PATIENCE)
    assert pool.call(abs, -1) == 1
    assert pool.submit(abs, -2).result(PATIENCE) == 2
    assert pool.session("ada").call(abs, -3) == 3
    seen |= held(mark) - before

    kinds = {each.kind for each in seen}

    assert kinds & {Kind.PROCESS, Kind.SOCKET, Kind.RUN_DIRECTORY} == expected
    assert any("ZMQ" in each.name for each in seen if each.kind is Kind.THREAD) == bool(expected)


def test_a_mock_lives_in_virtual_time(tree: Tree) -> None:
    """Its calls take their time on the tree's clock: an hour passes when the test lets it pass."""
    answers = Answers()
    answers.put(work.after, "slow", takes=3600.0)
    answers.put(work.wait_to_be_killed, None, takes=math.inf)
    pool = layered_pool("mock", answers, workers=2)
    tree.start_child(pool.child_spec())
    assert isinstance(tree.clock, VirtualClock)
    slow = pool.submit(work.after, timeout=math.inf)
    hung = pool.submit(work.wait_to_be_killed, timeout=3600.0)
    while not (slow.running() and hung.running()):
        threading.Event().wait(0.001)
    while not slow.done() or not hung.done():
        tree.clock.advance(600.0)

    assert slow.result(PATIENCE) == "slow"
    assert isinstance(hung.exception(PATIENCE), CallDeadline)
    assert tree.clock.now() >= 3600.0


# Which layer it is


@pytest.mark.promise("deterministic-choice")
def test_the_layer_comes_from_options_then_environment_then_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the status says which it is, and why."""
    assert choices(layered_pool())["layer"] == ("real", "default")

    monkeypatch.setenv(LAYER, "bridge")
    assert choices(layered_pool())["layer"] == ("bridge", f"{LAYER} in the environment")
    assert choices(layered_pool())["launcher"] == ("FakeLauncher", f"{LAYER} in the environment")

    assert choices(layered_pool("mock"))["layer"] == ("mock", "given")
    assert choices(layered_pool("mock"))["launcher"] == ("MockLauncher", "given")

    monkeypatch.setenv(LAYER, "")
    assert choices(layered_pool())["layer"] == ("real", "default")


@pytest.mark.promise("deterministic-choice")
def test_so_does_the_python_of_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process there is none to choose, and what the environment says of it is not looked at."""
    given = InterpreterOptions(python="/given/python")
    assert choices(layered_pool())["python"] == (sys.executable, "default")

    monkeypatch.setenv(PYTHON, "/named/python")
    assert choices(layered_pool())["python"] == ("/named/python", f"{PYTHON} in the environment")
    assert choices(layered_pool(interpreter=given))["python"] == ("/given/python", "given")
    assert choices(layered_pool("mock"))["python"] == (sys.executable, "default")


@pytest.mark.promise("deterministic-choice")
def test_a_pool_itself_says_what_was_chosen() -> None:
    """Its options alone decide: it looks at no variable of the environment."""
    assert choices(Pool()) == {"launcher": ("processes", "default"), "python": (sys.executable, "default")}
    fake, given = FakeLauncher(), InterpreterOptions(python="/given/python")
    assert choices(Pool(launcher=fake, interpreter=given)) == {
        "launcher": ("FakeLauncher", "given"),
        "python": ("/given/python", "given"),
    }
    assert str(Pool().status().choices[0]) == "launcher processes (default)"


@pytest.mark.promise("deterministic-choice")
def test_everything_that_is_missing_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, no_leaks: None
) -> None:
    """The first as the error, the others as its notes; with one thing missing there are none."""
    pool = Pool(interpreter=InterpreterOptions(python="no-such-python"))
    with pytest.raises(InterpreterUnusable) as one:
        pool.start()
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(PlatformUnsupported) as both:
        pool.start()

    assert getattr(one.value, "__notes__", []) == []
    (note,) = both.value.__notes__
    assert "no-such-python" in note
    assert pool.status().workers == ()


@pytest.mark.promise("same-commands-on-every-layer")
@pytest.mark.parametrize("layer", ["mok", "Real", "full_integration", ""])
@pytest.mark.parametrize("where", ["option", "environment"])
def test_an_unknown_layer_is_refused(monkeypatch: pytest.MonkeyPatch, layer: str, where: str) -> None:
    """With the nearest and all that there are; an empty variable says nothing."""
    if where == "environment":
        monkeypatch.setenv(LAYER, layer)
    if (where, layer) == ("environment", ""):
        assert choices(layered_pool())["layer"] == ("real", "default")
        return

    with pytest.raises(UnknownOption) as caught:
        layered_pool(layer if where == "option" else None)

    assert caught.value.known == LAYERS
    assert all(name in str(caught.value) for name in LAYERS)
    assert (LAYER in str(caught.value)) == (where == "environment")
    if layer == "mok":
        assert caught.value.nearest == "mock"


# What they answer


@everywhere
@pytest.mark.promise("same-commands-on-every-layer")
@pytest.mark.promise("mock-parity")
def test_each_layer_is_the_same_pool(a_pool: APool) -> None:
    """One class, and one of its sessions: what can be asked of one layer can be asked of all."""
    pool = a_pool(workers=1)

    assert type(pool) is Pool
    assert type(pool.session("ada")) is Session


@mocked
@pytest.mark.promise("same-commands-on-every-layer")
def test_only_what_was_put_is_answered(a_pool: APool, answers: Answers) -> None:
    """Whatever else is called is an error that names it, and what there are answers to; nothing is executed."""
    pool = a_pool(workers=1)
    with pytest.raises(NoAnswer) as empty:
        pool.call(work.pid)
    answers.put(abs, 7)
    answers.put(work.recall, [])
    with pytest.raises(NoAnswer) as named:
        pool.submit(work.pid).result(PATIENCE)

    assert "nothing" in str(empty.value)
    assert (named.value.function, named.value.answered) == (
        "pool_functions.pid",
        ("builtins.abs", "pool_functions.recall"),
    )
    assert all(name in str(named.value) for name in (named.value.function, *named.value.answered))
    assert pool.call(abs, "whatever") == 7
    assert (pool.status().ok, pool.status().errors, pool.status().deaths) == (1, 2, 0)


@mocked
def test_an_answer_is_a_value_a_function_an_error_or_a_death(a_pool: APool, answers: Answers) -> None:
    """Each may be replaced; a partial is answered as the function within."""
    pool = a_pool(workers=1)
    answers.put(work.remember, 1)
    assert pool.call(work.remember, "s", "v") == 1
    answers.put(work.remember, result_of=lambda session, value: len(session + value))
    assert pool.call(functools.partial(work.remember, "ses"), value="value") == 8
    answers.put(work.remember, raises=KeyError("gone"))
    for _ in range(2):
        with pytest.raises(KeyError, match="gone"):
            pool.call(work.remember, "s", "v")
    answers.put(work.remember, dies="SIGSEGV")
    with pytest.raises(WorkerDied) as caught:
        pool.call(work.remember, "s", "v")
    assert (caught.value.certificate.verdict, caught.value.certificate.signal) == (
        Verdict.CRASH_SIGNAL,
        "SIGSEGV",
    )


@mocked
def test_none_is_an_answer(a_pool: APool, answers: Answers) -> None:
    """Put by name: it is not what a function without an answer would return."""
    answers.put(work.pid, None)

    assert a_pool(workers=1).call(work.pid) is None


@mocked
def test_a_big_buffer_is_a_copy_too(a_pool: APool, answers: Answers) -> None:
    """It travels beside the pickle, and what one side does to it later the other does not see."""
    seen: list[Any] = []
    mine, theirs = bytearray(1 << 20), bytearray(1 << 20)
    answers.put(work.recall, result_of=seen.append)
    answers.put(work.wait_at, pickle.PickleBuffer(theirs))
    pool = a_pool(workers=1)

    assert pool.call(work.recall, pickle.PickleBuffer(mine)) is None
    mine[0] = 1
    given = pool.call(work.wait_at, "no gate")
    given[0] = 1

    assert (seen[0][0], theirs[0]) == (0, 0)


@everywhere
def test_on_the_real_layer_functions_answer_for_themselves(a_pool: APool, answers: Answers) -> None:
    """What was put does not hold there; it is the twin of all the others."""
    answers.put(abs, "put")
    pool = a_pool(workers=1)
    layer, _ = choices(pool)["layer"]

    assert pool.call(abs, -1) == (1 if layer == "real" else "put")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((abs,), {}, TypeError, "0 answers for builtins.abs: expected exactly one"),
        ((abs, 1), {"raises": ValueError()}, TypeError, "2 answers for builtins.abs"),
        (("abs", 1), {}, TypeError, "'abs' is not callable"),
        ((abs, 1), {"takes": -1}, ValueError, "takes -1: expected seconds >= 0"),
        ((abs, 1), {"takes": math.nan}, ValueError, "takes nan"),
        ((abs, 1), {"takes": "1"}, ValueError, "takes '1'"),
    ],
)
def test_an_answer_is_checked_where_it_is_put(
    arguments: Any, options: Any, error: type[Exception], text: str
) -> None:
    """What was given, what is expected."""
    answers: Any = Answers()

    with pytest.raises(error, match=text):
        answers.put(*arguments, **options)


def test_the_launcher_is_the_layers() -> None:
    """Of one's own goes to a Pool."""
    with pytest.raises(TypeError, match=r"Pool\(launcher=\.\.\.\)"):
        layered_pool("mock", launcher=FakeLauncher())


# What a mock does that cannot be asked of all layers


def test_a_mock_whose_answer_cannot_be_interrupted_is_killed(no_leaks: None) -> None:
    """A submitted call ends after the graces, a cancelled one too; whoever calls himself is told when it returns."""
    release, begun, answers = threading.Event(), threading.Barrier(2), Answers()

    def hang(number: int) -> int:
        if number == 2:
            begun.wait(PATIENCE)
        release.wait(PATIENCE)
        return number

    answers.put(abs, result_of=hang)
    with layered_pool("mock", answers, workers=1) as pool:
        overran = pool.submit(abs, 1, timeout=0.05).exception(PATIENCE)
        cancelled = pool.submit(abs, 2)
        begun.wait(PATIENCE)
        assert cancelled.cancel()
        answers.put(abs, 3)
        assert pool.call(abs, 1) == 3
        release.set()
        verdicts = [each.verdict for each in pool.status().certificates]

    assert isinstance(overran, CallDeadline)
    assert overran.certificate is not None
    assert verdicts == [Verdict.DEADLINE, Verdict.CANCELLED]


def test_a_mock_ends_when_the_test_says(no_leaks: None) -> None:
    """As a process that is killed from outside; it is replaced, and its session is lost with it."""
    answers = Answers()
    answers.put(abs, 1)
    launcher = MockLauncher(answers)
    with Pool(workers=1, launcher=launcher) as pool:
        assert pool.call(abs, 1) == 1
        launcher.launched[0].end(ExitStatus(signal="SIGKILL"))
        while not pool.status().deaths:
            threading.Event().wait(0.001)
        assert pool.call(abs, 1) == 1
        assert launcher.launched[1].ping(PATIENCE) == 0.0
        with pytest.raises(NoPong):
            launcher.launched[0].ping(PATIENCE)
        (certificate,) = pool.status().certificates

    assert certificate.verdict is Verdict.KILLED_FROM_OUTSIDE
    assert len(launcher.launched) == 2


def test_an_interrupt_of_who_waits_for_a_mock_is_his(no_leaks: None) -> None:
    """It leaves the call as it leaves one of a process, and the worker, which is in the midst of it, is replaced."""
    answers = Answers()
    answers.put(abs, result_of=interrupt_this_thread)
    answers.put(work.fail, raises=SystemExit(3))
    answers.put(work.pid, 1)
    with layered_pool("mock", answers, workers=1) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.call(abs, 1)
        with pytest.raises(RemoteError, match="SystemExit"):
            pool.call(work.fail, "no")
        assert pool.call(work.pid) == 1
        status = pool.status()

    assert (status.cancelled, status.errors, status.ok, status.deaths) == (1, 1, 1, 1)


def interrupt_this_thread(_: object) -> None:
    """Do what Ctrl-C does to a thread that waits."""
    raise KeyboardInterrupt


def test_a_pool_without_a_bridge_fits_into_any_tree(tree: Tree) -> None:
    """Two of them under one supervisor; the actor in the bridge's place is restarted with what comes after it."""
    answers = Answers()
    answers.put(abs, 1)
    pools = [layered_pool("mock", answers, workers=1, name=name) for name in ("one", "two")]
    tree.start_child(
        ChildSpec(id="pools", start=Supervisor, args=(SupFlags(), [pool.child_spec() for pool in pools]))
    )
    assert [pool.call(abs, 0) for pool in pools] == [1, 1]
    (name,) = [name for name in tree.registry.names() if name.endswith("one/bridge")]
    bridge = tree.registry.whereis(name)
    assert bridge is not None
    bridge.stop()
    tree.snapshot()  # answered after its supervisor has dealt with that end

    assert [pool.call(abs, 0) for pool in pools] == [1, 1]
    assert [pool.status().restarts for pool in pools] == [1, 0]


def test_a_call_that_meets_a_mock_that_stops_was_not_begun() -> None:
    """It was granted in the moment before; its caller is told of the end, as of a process."""
    told: list[BaseException] = []
    clock = ScriptedClock()
    interpreter = MockLauncher(Answers()).launch(
        clock, InterpreterOptions(), worker="w", incarnation=1, listener=lambda _: None
    )

    def call() -> None:
        try:
            interpreter.channel.call(encode_call(abs, (1,), {}), timeout=PATIENCE)
        except WorkerDied as died:
            told.append(died)

    caller = threading.Thread(target=call)

    def meet(gate: threading.Lock, _: float) -> bool:
        """Let the caller come in the moment in which no more calls are taken."""
        gate.acquire()
        caller.start()
        caller.join(0.2)
        return True

    clock.wait = meet
    try:
        certificate = interpreter.stop("the test", PATIENCE)
        caller.join(PATIENCE)
    finally:
        interpreter.bury(0.0)

    assert certificate is not None
    assert certificate.verdict is Verdict.STOPPED
    (died,) = told
    assert isinstance(died, WorkerDied)
    assert (died.started, died.certificate) == (False, certificate)
