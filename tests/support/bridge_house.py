"""A hub and what it launches, for tests: launch, wait for what was told, call, and leave nothing."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, TypeVar

from bridge.certificate import Certificate
from bridge.channel import Progress
from bridge.events import InterpreterDied, InterpreterReady, OutputLine
from bridge.hub import Hub
from bridge.interpreter_process import Interpreter
from bridge.launchers.launcher import Launcher
from bridge.options import InterpreterOptions
from bridge.payload import EncodedCall, encode_call
from supervision.clock import Clock, MonotonicClock
from supervision.events import Event

__all__ = ["PATIENCE", "House", "Life"]

#: Seconds that nothing here takes, unless it hangs.
PATIENCE = 20.0

E = TypeVar("E", bound=Event)


class Life:
    """One interpreter, and what it told."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.interpreter: Interpreter

    def wait_for(self, kind: type[E], which: Callable[[E], bool] = lambda _: True) -> E:
        """Return the next event of this kind; those before it are gone."""
        while True:
            event = self.told.get(timeout=PATIENCE)
            if isinstance(event, kind) and which(event):
                return event

    def ready(self) -> InterpreterReady:
        """Wait for the handshake."""
        return self.wait_for(InterpreterReady)

    def line(self, text: str) -> OutputLine:
        """Wait for a line of output that contains *text*."""
        return self.wait_for(OutputLine, lambda line: text in line.text)

    def death(self) -> Certificate:
        """Wait for the end."""
        return self.wait_for(InterpreterDied).certificate

    def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float = PATIENCE,
        on_progress: Callable[[Progress], None] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call *function* in the interpreter."""
        request = encode_call(function, args, kwargs)
        return self.interpreter.channel.call(request, timeout=timeout, on_progress=on_progress)

    def run(self, request: EncodedCall) -> Any:
        """Run what was encoded."""
        return self.interpreter.channel.call(request, timeout=PATIENCE)

    def call_marked(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it with markers in the place of what cannot be sent."""
        return self.run(encode_call(function, args, {}, on_unserialisable="marker"))


class House:
    """A hub with its interpreters."""

    def __init__(self, launcher: Launcher | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.hub = Hub("house", clock=self.clock, launcher=launcher)
        self.hub.start()
        self._incarnations = 0

    def launch(self, listener: Callable[[Event], None] | None = None, **options: Any) -> Life:
        """Launch an interpreter; does not wait for its handshake."""
        self._incarnations += 1
        life = Life()
        life.interpreter = Interpreter.launch(
            self.hub,
            InterpreterOptions(**options),
            worker="house/worker",
            incarnation=self._incarnations,
            listener=listener or life.told.put,
        )
        return life

    def ready(self, **options: Any) -> Life:
        """Launch an interpreter and wait for its handshake."""
        life = self.launch(**options)
        life.ready()
        return life

    def close(self) -> None:
        """Leave nothing."""
        assert self.hub.close(PATIENCE)
        self.clock.close()
