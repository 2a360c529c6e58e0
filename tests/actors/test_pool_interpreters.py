"""What a pool does with its interpreters' options: log records become events of its tree, calls are encoded as they ask."""

from __future__ import annotations

import threading
from typing import Any

import bridge_adapters
import bridge_functions as there
import pytest

from actors import Pool
from bridge.errors import FunctionRefused, NotPicklable
from bridge.events import LogRecord
from bridge.options import InterpreterOptions
from supervision.events import Event


def a_pool(**options: Any) -> Pool:
    """Return a pool of one worker with these options of its interpreter."""
    return Pool(workers=1, name="pool", interpreter=InterpreterOptions(**options))


def test_log_records_are_events_of_the_tree(no_leaks: None) -> None:
    """Whoever listens to the tree hears what calls log, before their results."""
    heard: list[Event] = []
    pool = a_pool(log_level="INFO")
    pool.tree.events.subscribe(heard.append)
    with pool:
        pool.call(bridge_adapters.log, 2)
        records = [event for event in heard if isinstance(event, LogRecord)]

    assert [record.text for record in records] == ["record 0", "record 1"]
    assert "/workers/" in records[0].worker


def test_calls_are_encoded_as_the_interpreter_asks(no_leaks: None) -> None:
    """Without pickle, for a pool whose interpreters are not trusted."""
    with a_pool(codec="json", allowed=["bridge_functions:add"]) as pool:
        assert pool.call(there.add, 1, 2) == 3
        with pytest.raises(FunctionRefused):
            pool.call(there.echo, 1)


def test_a_refusal_shows_no_secret(no_leaks: None) -> None:
    """The secrets of the options are those of every call's errors."""
    with a_pool(secrets=["hunter22"]) as pool, pytest.raises(NotPicklable) as caught:
        pool.call(there.echo, {"hunter22": threading.Lock()})
    assert caught.value.path == "args[0]['[redacted]']"
