"""Interpreters that run without pickle: neither side unpickles anything, and the child runs what is on its list."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bridge_adapters
import bridge_functions as there
import pytest
from bridge_house import House, Life

from bridge.certificate import Verdict
from bridge.errors import (
    AdapterSetUpFailed,
    ChannelUnavailable,
    FunctionRefused,
    NotPicklable,
    ProtocolError,
    RemoteError,
    RemoteTraceback,
)
from bridge.options import InterpreterOptions
from bridge.payload import encode_call, encode_method, encode_source
from bridge.wire.marker import Unserialisable

ALLOWED = [
    "bridge_functions:add",
    "bridge_functions:echo",
    "bridge_functions:fail_with_a_cause",
    "bridge_functions:holder",
    "bridge_functions:send_bomb",
    "bridge_functions:totals",
    "bridge_adapters:surroundings",
    "bridge_adapters:TENANT",
    "bridge_adapters:Counter.add",
    "bridge_adapters:Reluctant.tried",
    "bridge.interpreter.namespaces:evaluate",
]


@pytest.fixture(autouse=True)
def main_with_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these be tests of a program: in a session without a file, as pytest-xdist's are, functions go by value."""
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)


@pytest.fixture
def guarded(house: House) -> Life:
    """An interpreter that is not trusted."""
    return house.ready(codec="json", allowed=ALLOWED)


def call(life: Life, function: Callable[..., Any] | str, *args: Any, **options: Any) -> Any:
    """Call without pickle."""
    return life.run(encode_call(function, args, {}, codec="json", **options))


@pytest.mark.promise("binary-payloads")
def test_calls_and_results_are_plain(guarded: Life) -> None:
    """By the function or by its name; keywords, nested values, bytes both ways."""
    assert call(guarded, there.add, 1, 2) == 3
    assert call(guarded, "bridge_functions:add", 1, 2) == 3
    assert guarded.run(encode_call(there.add, (1,), {"right": 4}, codec="json")) == 5
    value = {"a": [1, 2.5, None, True, "text"], "b": b"bytes"}
    assert call(guarded, there.echo, value) == value
    assert call(guarded, there.totals, b"\x01" * 200) == ["bytes", 200, 100]


@pytest.mark.promise("binary-payloads")
def test_a_large_array_without_pickle(guarded: Life) -> None:
    """50 MB there and back, intact, beside the JSON."""
    mine = bytearray(os.urandom(1000)) * 50_000
    request = encode_call(there.echo, (mine,), {}, codec="json")
    text, sent = request.frames
    assert isinstance(sent, memoryview)
    assert sent.obj is mine
    assert len(text) < 500

    assert guarded.run(request) == mine


@pytest.mark.parametrize(
    "name", ["os:system", "bridge_functions:flood", "bridge_functions:Path.unlink", "no_such_module:x"]
)
def test_what_is_not_on_the_list_is_refused(guarded: Life, name: str) -> None:
    """Before anything is imported; the interpreter serves on."""
    with pytest.raises(FunctionRefused, match=r"is not on the interpreter's list.*allowed="):
        call(guarded, name, "x")
    assert call(guarded, there.add, 1, 2) == 3


def test_methods_and_sources_are_on_the_list_or_refused(guarded: Life, house: House) -> None:
    """Each method by itself; source text only where its evaluation is allowed."""
    assert guarded.run(encode_method(bridge_adapters.Counter, "add", (2,), {"times": 3}, codec="json")) == 6
    with pytest.raises(FunctionRefused, match=r"Counter\.fail"):
        guarded.run(encode_method(bridge_adapters.Counter, "fail", (), {}, codec="json"))
    with pytest.raises(AdapterSetUpFailed, match="TooMany") as caught:
        guarded.run(encode_method(bridge_adapters.Reluctant, "tried", (), {}, codec="json"))
    assert isinstance(caught.value.__cause__, RemoteError)
    assert guarded.run(encode_source("6 * 7", codec="json")) == 42
    other = house.ready(codec="json", allowed=ALLOWED[:1])
    with pytest.raises(FunctionRefused, match="namespaces:evaluate"):
        other.run(encode_source("6 * 7", codec="json"))


def test_what_travels_along_is_on_the_list_or_refused(guarded: Life) -> None:
    """A context variable is looked up by its name, so its name is on the list as well."""
    trace = {"traceparent": "00-x"}
    got = call(guarded, bridge_adapters.surroundings, trace=trace, context=["bridge_adapters:TENANT"])
    assert got == [None, "nobody", trace]
    token = bridge_adapters.REQUEST.set("r")
    with pytest.raises(FunctionRefused, match="bridge_adapters:REQUEST"):
        call(guarded, bridge_adapters.surroundings, context=["bridge_adapters:REQUEST"])
    bridge_adapters.REQUEST.reset(token)


def test_errors_are_described(guarded: Life) -> None:
    """Type, text and traceback; the exception itself would have to be unpickled."""
    with pytest.raises(RemoteError, match=r"RuntimeError.*gave up.*without pickle") as caught:
        call(guarded, there.fail_with_a_cause)

    assert caught.value.type_name == "builtins.RuntimeError"
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in fail_with_a_cause" in caught.value.__cause__.text
    with pytest.raises(RemoteError, match=r"result\['config'\]\['db'\]\[0\], of type _thread.lock"):
        call(guarded, there.holder)


@pytest.mark.promise("graceful-serialisation")
def test_markers_without_pickle(guarded: Life) -> None:
    """As with it: arguments and results."""
    got = call(guarded, there.echo, [1, {2}], on_unserialisable="marker")
    assert (got[0], got[1].path, got[1].type_name) == (1, "args[0][1]", "set")
    marker = call(guarded, there.holder, on_unserialisable="marker")["config"]["db"][0]
    assert isinstance(marker, Unserialisable)
    assert marker.path == "result['config']['db'][0]"


def test_what_is_not_plain_is_refused_here() -> None:
    """In the caller, with its path; a function without a name cannot be looked up."""
    with pytest.raises(NotPicklable, match=r"args\[0\]\['x'\], of type set, is not plain") as caught:
        encode_call(there.echo, ({"x": {1}},), {}, codec="json")
    assert caught.value.path == "args[0]['x']"
    with pytest.raises(NotPicklable, match="no name by which it could be looked up"):
        encode_call(lambda: 0, (), {}, codec="json")


@pytest.mark.promise("binary-payloads")
@pytest.mark.parametrize("kind", ["result", "result and more", "error"])
def test_a_pickle_from_it_is_refused(guarded: Life, tmp_path: Path, kind: str) -> None:
    """It is not unpickled; the peer broke the protocol, and is killed for it."""
    file = tmp_path / "exploded"
    with pytest.raises(ProtocolError):
        call(guarded, there.send_bomb, str(file), kind, 1)
    assert guarded.death().verdict is Verdict.PROTOCOL
    assert not file.exists()


@pytest.mark.parametrize("kind", ["result", "error"])
def test_a_pickle_from_a_trusted_one_is_unpickled(life: Life, tmp_path: Path, kind: str) -> None:
    """The twin: the bomb is one."""
    file = tmp_path / "exploded"
    with pytest.raises((RemoteError, AssertionError)):
        assert life.call(there.send_bomb, str(file), kind, 1) is None
    assert file.read_text() == "exploded"


def test_a_call_with_the_other_codec_is_refused(house: House, guarded: Life) -> None:
    """Nothing is sent, so that no answer is read in the wrong way; both interpreters serve on."""
    trusted = house.ready()
    with pytest.raises(ChannelUnavailable, match="its codec is json, and the call is encoded with pickle"):
        guarded.call(there.add, 1, 2)
    with pytest.raises(ChannelUnavailable, match="its codec is pickle"):
        call(trusted, there.add, 1, 2)
    assert call(guarded, there.add, 1, 2) == 3 == trusted.call(there.add, 1, 2)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"codec": "json"}, "runs what allowed lists"),
        ({"allowed": ["m:f"]}, "takes no list"),
        ({"codec": "yaml"}, "expected one of"),
        ({"codec": "json", "allowed": ["m.f"]}, "expected module:name"),
        ({"codec": "json", "allowed": ["m:f()"]}, "expected module:name"),
    ],
)
def test_a_list_goes_with_the_codec(options: dict[str, Any], text: str) -> None:
    """An interpreter without pickle needs its list; one with pickle would not keep to it."""
    with pytest.raises(ValueError, match=text):
        InterpreterOptions(**options)


#: Makes every way to unpickle raise, in the service and, by the name of the file, in its interpreters.
PATCH = """
import _pickle, pickle, os, sys

def refuse(*_, **__):
    os.write(2, b"UNPICKLED\\n")
    raise AssertionError("unpickled")

class Refusing(pickle.Unpickler):
    __init__ = load = refuse

pickle.loads = _pickle.loads = pickle.load = _pickle.load = pickle._loads = pickle._load = refuse
pickle.Unpickler = _pickle.Unpickler = pickle._Unpickler = Refusing
"""
SCRIPT = """
import sys
from bridge.errors import RemoteError
from bridge.payload import encode_call
from bridge_house import House
import bridge_functions as there

if __name__ == "__main__":
    house = House()
    json = sys.argv[1] == "json"
    options = dict(codec="json", allowed=["bridge_functions:add", "bridge_functions:fail"]) if json else {}
    life = house.ready(env={"PYTHONPATH": sys.argv[2]}, **options)
    encoding = {"codec": "json"} if json else {}
    try:
        print(life.run(encode_call(there.add, (1, 2), {}, **encoding)))
        life.run(encode_call(there.fail, (), {}, **encoding))
    except Exception as error:
        print(type(error).__name__)
    house.close()  # first, so that what was written last has come
    while not life.told.empty():
        print(life.told.get().describe(), file=sys.stderr)
"""


@pytest.mark.promise("binary-payloads")
@pytest.mark.parametrize(("codec", "said"), [("json", "3\nRemoteError\n"), ("pickle", "NotPicklable\n")])
def test_nothing_is_unpickled_on_either_side(tmp_path: Path, codec: str, said: str) -> None:
    """With every unpickler of both processes refusing, calls, results and errors go through; the twin with pickle fails."""
    (tmp_path / "sitecustomize.py").write_text(PATCH)
    (tmp_path / "script.py").write_text(SCRIPT)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])

    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), codec, path],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )

    assert done.stdout == said, done.stderr
    assert ("UNPICKLED" in done.stderr) is (codec == "pickle")
