"""What a pool of tests answers in its functions' place: only what a test put there.

Where it is asked is not here: in interpreters without a process (``bridge.launchers.fake``) or without even a bridge
(``mock``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, final, overload

import attrs

from actors.errors import NoAnswer
from bridge.certificate import ExitStatus

__all__ = ["Answer", "Answers", "Stage"]

T = TypeVar("T")

_NOTHING: Final[Any] = object()


class Stage(Protocol):
    """The interpreter that a call is in, as far as an answer has to do with it."""

    def rest(self, seconds: float) -> None:
        """Wait so long.

        Raises:
            CallInterrupted: The call is to end.
        """

    def end(self, status: ExitStatus) -> None:
        """Let the interpreter end; the call has no answer any more."""


@final
@attrs.frozen(kw_only=True)
class Answer:
    """What happens when the function is called: one of these, after a while."""

    result_of: Callable[..., Any] | None
    raises: BaseException | None
    dies: ExitStatus | None
    takes: float

    def give(self, stage: Stage, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Return or raise it, or end the interpreter."""
        if self.takes:
            stage.rest(self.takes)
        if self.raises is not None:
            raise self.raises.with_traceback(None)
        if self.dies is not None:
            stage.end(self.dies)
        return None if self.result_of is None else self.result_of(*args, **kwargs)


@final
class Answers:
    """A table of functions and what becomes of their calls. Any thread may put and ask.

    It holds on the layers without processes; on the real one the functions answer for themselves.
    """

    def __init__(self) -> None:
        self._put: dict[str, Answer] = {}

    @overload
    def put(self, function: Callable[..., T], value: T, *, takes: float = ...) -> None: ...
    @overload
    def put(self, function: Callable[..., T], *, result_of: Callable[..., T], takes: float = ...) -> None: ...
    @overload
    def put(self, function: Callable[..., Any], *, raises: BaseException, takes: float = ...) -> None: ...
    @overload
    def put(self, function: Callable[..., Any], *, dies: int | str, takes: float = ...) -> None: ...
    def put(
        self,
        function: Callable[..., Any],
        value: Any = _NOTHING,
        *,
        result_of: Callable[..., Any] | None = None,
        raises: BaseException | None = None,
        dies: int | str | None = None,
        takes: float = 0.0,
    ) -> None:
        """Have the calls of *function* answered from now on; what was put for it before is gone.

        Exactly one of *value*, *result_of*, *raises* and *dies* is to be given.

        Args:
            function: What a test gives to ``Pool.call``; it is known by its module and name. A ``functools.partial`` is
                the function within it.
            value: Is the result.
            result_of: Is called with the call's arguments; what it returns or raises is the call's. It runs in this
                process, so nothing can interrupt it.
            raises: Is raised.
            dies: The worker ends under the call: by an exit code, or a signal's name ("SIGSEGV").
            takes: Seconds before that, on the pool's clock where there is no bridge, else of real time; ``math.inf``: the
                call never ends by itself.

        Raises:
            TypeError, ValueError: The arguments make no answer.
        """
        if not callable(function):
            raise TypeError(f"{function!r} is not callable; give the function whose calls are to be answered")
        given = (value is not _NOTHING, result_of is not None, raises is not None, dies is not None)
        if sum(given) != 1:
            raise TypeError(
                f"{sum(given)} answers for {_name(function)}: expected exactly one of value, result_of, raises, dies"
            )
        if isinstance(takes, bool) or not isinstance(takes, int | float) or not takes >= 0:
            raise ValueError(
                f"takes {takes!r}: expected seconds >= 0 (math.inf: the call never ends by itself)"
            )
        if given[0]:
            result_of = functools.partial(_constant, value)
        end = ExitStatus(signal=dies) if isinstance(dies, str) else ExitStatus(code=dies)
        self._put[_name(function)] = Answer(
            result_of=result_of, raises=raises, dies=None if dies is None else end, takes=float(takes)
        )

    def run(
        self, stage: Stage, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Answer one call in its interpreter.

        Raises:
            NoAnswer: There is none.
            BaseException: What the answer raises.
        """
        while isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        name = _name(function)
        answer = self._put.get(name)
        if answer is None:
            raise NoAnswer(name, sorted(self._put))
        return answer.give(stage, args, kwargs)


def _name(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _constant(value: Any, *_: Any, **__: Any) -> Any:
    return value
