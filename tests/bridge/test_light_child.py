"""What a child has before its first call: few modules, its limits, its environment, its path."""

from __future__ import annotations

import ast
import enum
import inspect
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import bridge_functions as there
import pytest
import zmq
import zmq_functions
from bridge_house import House, Life

from bridge.interpreter import light_zmq, zmq_options
from bridge.interpreter.light_zmq import FLAGS
from bridge.wire.boot_spec import BootSpec


def test_a_child_imports_little(house: House) -> None:
    """Before its first call it has the standard library, zmq, the wire and the loop; attrs and others triple its start."""
    # The call's own function is a builtin, so that nothing is imported for it.
    loaded = house.ready().call(eval, "sorted(__import__('sys').modules)")

    foreign = {
        name for name in loaded if name.partition(".")[0] not in {*sys.stdlib_module_names, "__main__", "zmq"}
    }
    # site runs what environments put into .pth files, and Cython registers helpers of pyzmq's own.
    foreign -= {
        name
        for name in foreign
        if name.startswith(("_distutils_hack", "_cython", "cython", "__editable__", "_virtualenv"))
    }
    ours = {name for name in foreign if name.partition(".")[0] == "bridge"}
    assert foreign == ours
    assert all(name == "bridge" or name.startswith(("bridge.wire", "bridge.interpreter")) for name in ours)
    assert "bridge.interpreter.loop" in ours
    assert (
        not {"bridge.interpreter.failures", "bridge.interpreter.surroundings", "bridge.wire.culprit"} & ours
    )
    assert not {"attrs", "pykka", "loguru", "logging", "multiprocessing", "asyncio", "concurrent.futures"} & {
        *loaded
    }


def test_a_child_imports_nothing_for_words(house: House) -> None:
    """Neither regular expressions nor what leads to them, nor of zmq what users alone need; unless a .pth file has."""
    at_site = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; print(*sys.modules)"],
        check=True, capture_output=True, text=True, timeout=30,
    ).stdout.split()  # fmt: skip
    loaded = house.ready().call(eval, "[*__import__('sys').modules]")

    heavy = {"typing", "re", "json", "pickle", "zmq.sugar", "zmq.constants", "platform", "random"}
    assert not (heavy & {*loaded}) - {*at_site}


class Named(str):
    """A text that shows itself in another way."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{self}>"


class Numbered(enum.IntEnum):
    ONE = 1


def test_what_a_child_is_told_arrives_whole() -> None:
    """Also texts and numbers of types of their own, and what no encoding has."""
    text = "a 'quoted' \"name\"\n\udcff\U0001f600"
    values: dict[str, Any] = {
        **dict.fromkeys(BootSpec._fields, 0),
        "worker": Named(text),
        "memory": None,
        "replace_path": True,
    }
    values |= {"limits": ((Named("nofile"), Numbered.ONE),), "path": (Named(text),)}

    with os.fdopen(BootSpec(**values).create_fd()) as file:
        told = ast.literal_eval(file.read())

    assert told == values | {"limits": [["nofile", 1]], "path": [text]}


def test_garbage_is_collected(house: House) -> None:
    """What is put off for the start is not put off for the calls; and nothing is kept from a call that asks for all objects."""
    life = house.ready()

    assert life.call(eval, "__import__('gc').isenabled()")
    assert life.call(eval, "__import__('gc').get_freeze_count()") == 0


def test_a_call_finds_the_whole_zmq(house: House) -> None:
    """Under its name, with all of its parts, whichever is imported first; its classes are those of the worker's own sockets."""
    assert house.ready().call(zmq_functions.use_zmq, "zmq") == [b"whole", b"kept"]
    assert house.ready().call(zmq_functions.use_zmq, "zmq.error") == [b"whole", b"kept"]
    assert house.ready().call(zmq_functions.use_zmq, "zmq.asyncio") == [b"whole", b"kept"]
    assert house.ready().call(zmq_functions.use_zmq, "zmq.constants") == [b"whole", b"kept"]


def test_an_error_of_zmq_needs_no_import(house: House) -> None:
    """A worker's own sockets fail in the usual way when a call has broken the imports."""
    assert house.ready().call(zmq_functions.zmq_errors_without_imports) == ["Again", "ZMQError"]


def test_a_call_finds_the_whole_typing(house: House) -> None:
    """What its place was taken by is gone, and what was made with that is as the real one makes it."""
    life = house.ready()

    assert life.call(eval, "__import__('typing').get_type_hints(int.__class__)") == {}
    made = life.call(
        eval, "(s := __import__('sys').modules['bridge.wire.boot_spec'].BootSpec)._field_defaults"
    )
    assert made == BootSpec._field_defaults
    for expression in ("._fields", ".__doc__", ".__module__", ".__qualname__"):
        in_child = life.call(eval, f"__import__('sys').modules['bridge.wire.boot_spec'].BootSpec{expression}")
        assert in_child == eval(f"BootSpec{expression}")


def test_a_zmq_whose_version_is_elsewhere_is_imported_whole(tmp_path: Path, house: House) -> None:
    """Another layout is not guessed at; and nothing of the attempt is left, so its errors are those that its users catch."""
    real = Path(zmq.__file__).parent
    for directory in (real, real / "sugar"):
        (tmp_path / directory.relative_to(real.parent)).mkdir()
        for entry in [each for each in directory.iterdir() if each.name != "sugar"]:
            (tmp_path / entry.relative_to(real.parent)).symlink_to(entry)
    for libraries in real.parent.glob("pyzmq*.libs"):
        (tmp_path / libraries.name).symlink_to(libraries)
    version = tmp_path / "zmq" / "sugar" / "version.py"
    version.unlink()
    version.write_text(f"exec(open({str(real / 'sugar' / 'version.py')!r}).read())")

    life = house.ready(path=[str(tmp_path)])

    assert life.call(eval, "__import__('sys').modules['zmq.sugar'].__path__") == [str(version.parent)]
    assert life.call(zmq_functions.use_zmq, "zmq") == [b"whole", b"kept"]


def test_a_zmq_that_is_chosen_by_the_user_is_imported_whole(house: House) -> None:
    """Pyzmq looks at this variable only when all of it runs."""
    life = house.ready(env={"PYZMQ_BACKEND": "cython"})

    assert "zmq.sugar" in life.call(eval, "[*__import__('sys').modules]")
    assert life.call(zmq_functions.use_zmq, "zmq") == [b"whole", b"kept"]


def test_an_idle_child_has_no_inspect(house: House) -> None:
    """It is a tenth of what a worker would hold of the memory, for constants; who imports it gets the real one."""
    life = house.ready()

    assert not {"inspect", "ast", "dis", "tokenize"} & {*life.call(eval, "[*__import__('sys').modules]")}
    assert life.call(eval, "__import__('inspect').isfunction(print)") is False
    assert life.call(eval, "__import__('inspect').currentframe() is not None")


def test_the_constants_are_those_of_inspect() -> None:
    """What zmq is given in its place, on this very Python."""
    assert {name: getattr(inspect, name) for name in FLAGS} == FLAGS


def test_the_options_are_those_of_zmq() -> None:
    """What zmq is asked in its place, for each that a worker knows of itself, and for any other."""
    numbers = [value for name, value in vars(zmq_options).items() if name.isupper()]
    assert len(numbers) == 6
    for number in [*numbers, *zmq.SocketOption]:
        assert zmq_options.option(number)._opt_type == zmq.SocketOption(number)._opt_type.name
    for kind in type(zmq.SocketOption.FD._opt_type):
        assert getattr(zmq_options.Kinds, kind.name) == kind.name
    for mine in (light_zmq.EAGAIN, light_zmq.ETERM):
        theirs = zmq.constants.Errno(mine)
        assert (theirs.name, theirs.value) == (mine.name, mine)
    with pytest.raises(ValueError, match="9999"):
        zmq_options.option(9999)


def test_a_zmq_that_needs_more_of_inspect_gets_it(tmp_path: Path, house: House) -> None:
    """One that cannot do with constants is imported in the ordinary way, and works."""
    real = Path(zmq.__file__).parent
    (tmp_path / "zmq").mkdir()
    (tmp_path / "zmq" / "__init__.py").write_text(
        "import inspect; inspect.signature\n"
        f"__path__ = [{str(real)!r}]; __file__ = {zmq.__file__!r}\n"
        f"exec(compile(open(__file__).read(), __file__, 'exec'))"
    )

    life = house.ready(path=[str(tmp_path)])

    assert "inspect" in life.call(eval, "[*__import__('sys').modules]")


def test_what_the_caller_can_import_the_child_can(life: Life) -> None:
    """Its sys.path is the service's, made absolute; this very test's helpers come that way."""
    path = life.call(there.import_path)

    assert all(Path(entry).is_absolute() for entry in path)
    assert [str(Path(entry).absolute()) for entry in sys.path] == path[: len(sys.path)]


def test_options_reach_the_child(house: House, tmp_path: object) -> None:
    """Path in front, variables, threads of numeric libraries, working directory."""
    life = house.ready(path=[str(tmp_path)], env={"COLOUR": "green"}, cwd=str(tmp_path), native_threads=3)

    assert life.call(there.import_path)[0] == str(tmp_path)
    assert life.call(there.environment, "COLOUR") == "green"
    assert life.call(there.environment, "OMP_NUM_THREADS") == "3"
    assert life.call(os.getcwd) == str(tmp_path)


def test_an_option_of_the_users_wins(house: House) -> None:
    """Who sets OMP_NUM_THREADS themselves gets that."""
    assert house.ready(env={"OMP_NUM_THREADS": "7"}).call(there.environment, "OMP_NUM_THREADS") == "7"


def test_the_memory_limit_is_set(house: House) -> None:
    """RLIMIT_AS is what was asked for; without the option it is the service's own."""
    limit = 512 * 1024 * 1024

    assert house.ready(memory=limit).call(resource.getrlimit, resource.RLIMIT_AS)[0] == limit
    assert house.ready().call(resource.getrlimit, resource.RLIMIT_AS) == resource.getrlimit(
        resource.RLIMIT_AS
    )


def test_other_limits_are_set(house: House) -> None:
    """As asked for, never above the hard limit; the least that the options take lets an interpreter start."""
    from bridge.options import LEAST_FILES

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    life = house.ready(limits={"nofile": LEAST_FILES, "core": 0, "cpu": 3600})

    assert life.call(resource.getrlimit, resource.RLIMIT_NOFILE) == (LEAST_FILES, hard)
    assert life.call(resource.getrlimit, resource.RLIMIT_CPU)[0] == 3600
    assert life.call(resource.getrlimit, resource.RLIMIT_CORE)[0] == 0
    if hard != resource.RLIM_INFINITY:
        life = house.ready(limits={"nofile": hard + 1})
        assert life.call(resource.getrlimit, resource.RLIMIT_NOFILE) == (hard, hard)


def test_every_limit_that_the_options_know_exists() -> None:
    """Each is one of the module `resource`, on this platform."""
    from bridge.options import LIMITS

    assert all(hasattr(resource, f"RLIMIT_{name.upper()}") for name in LIMITS)


def test_the_least_memory_is_enough_to_start(house: House) -> None:
    """The smallest limit that the options take lets an interpreter shake hands and run a call."""
    from bridge.options import LEAST_MEMORY

    assert house.ready(memory=LEAST_MEMORY).call(there.add, 1, 2) == 3


def test_signals_are_as_in_a_new_process(house: House) -> None:
    """What the service blocks or ignores does not reach the child, nor what the child's own children inherit."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        life = house.ready()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGCHLD, before)

    assert life.call(signal.getsignal, signal.SIGCHLD) is signal.SIG_DFL
    assert life.call(signal.pthread_sigmask, signal.SIG_BLOCK, ()) == set()
    child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert life.call(subprocess.check_output, [sys.executable, "-c", child]) == b"True\n"


def test_an_interrupt_does_not_end_a_worker(life: Life) -> None:
    """Ctrl-C is the service's affair."""
    os.kill(life.interpreter.pid, signal.SIGINT)

    assert life.call(there.add, 1, 2) == 3
