"""Adapters: classes of users that live in a worker, set up before their first call and torn down at its orderly end.

Imported by users' modules, also in the service, for ``adapter``; what the service sends is a ``Method``.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar, overload

from bridge.interpreter.failures import StageFailed

__all__ = ["Method", "Registration", "adapter", "end_session", "method_of", "registration_of"]

C = TypeVar("C", bound=type)
_ATTRIBUTE: Final = "__treewarden_adapter__"
_SCOPES: Final = ("worker", "session")


class Registration(NamedTuple):
    """How the instances of an adapter live."""

    scope: str  #: "worker": one instance in each worker; "session": one for each session's name in it
    set_up: str  #: the method that makes a new instance ready
    tear_down: str  #: the one that ends it


@overload
def adapter(cls: C, /) -> C: ...
@overload
def adapter(
    *, scope: Literal["worker", "session"] = ..., set_up: str = ..., tear_down: str = ...
) -> Callable[[C], C]: ...
def adapter(
    cls: Any = None, /, *, scope: str = "worker", set_up: str = "set_up", tear_down: str = "tear_down"
) -> Any:
    """Register a class, whose methods can then be called in a worker. A decorator, with or without arguments.

    An instance is made, without arguments, and set up in the worker, in the first call that needs it; if that raises, the
    call fails with ``AdapterSetUpFailed``, and the next one tries anew. It is torn down when its session is ended or, the
    last one first, at the interpreter's orderly end: not when that is killed.

    Args:
        cls: The class.
        scope: "worker": one instance in each worker. "session": one for each session.
        set_up: Its method that is called, without arguments, after the constructor. It need not exist.
        tear_down: Its method that is called at the end. It need not exist; what it raises is written to stderr.

    Raises:
        ValueError: If *scope* is neither.
        TypeError: If what is decorated is no class.
    """
    if scope not in _SCOPES:
        raise ValueError(f"scope={scope!r}: expected one of {_SCOPES}")

    def register(cls: C) -> C:
        if not isinstance(cls, type):
            raise TypeError(f"{cls!r} is of type {type(cls).__name__}; an adapter is a class")
        setattr(cls, _ATTRIBUTE, Registration(scope, set_up, tear_down))
        return cls

    return register if cls is None else register(cls)


def registration_of(cls: type) -> Registration:
    """Return how *cls* was registered.

    Raises:
        TypeError: If it was not.
    """
    found = getattr(cls, _ATTRIBUTE, None)
    if not isinstance(found, Registration):
        raise TypeError(f"{cls!r} is no adapter: decorate the class with bridge.interpreter.adapter")
    return found


def method_of(cls: type, name: str) -> Any:
    """Return the function that calling method *name* runs.

    Raises:
        AttributeError: If there is no such method, or it is not public; the text names those that there are.
    """
    registration = registration_of(cls)
    found: Any = None if name.startswith("_") else getattr(cls, name, None)
    if not callable(found) or name in registration[1:]:
        names = sorted(
            each
            for each in dir(cls)
            if not each.startswith("_")
            and each not in registration[1:]
            and callable(getattr(cls, each, None))
        )
        raise AttributeError(
            f"{cls.__module__}.{cls.__qualname__} has no method {name!r} that can be called; it has {', '.join(names)}",
            name=name,
            obj=cls,
        )
    return found


# In the child.

_Key = tuple[type, str]
_instances: Final[dict[_Key, Any]] = {}  # in the order of their set-up
#: Each held while that one is set up: a worker may run several calls at a time, and a set-up may need another adapter's.
_setting_up: Final[dict[_Key, threading.RLock]] = {}
_ends_at_exit = False


class Method(NamedTuple):
    """A method of an adapter as what is called: it runs on the instance that lives in the worker."""

    adapter: type
    session: str
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method; make and set up its instance if there is none.

        Raises:
            StageFailed: What making it or setting it up raised; the method was not called.
            BaseException: Whatever the method raises.
        """
        registration = registration_of(self.adapter)
        key = (self.adapter, self.session if registration.scope == "session" else "")
        instance = _instances.get(key)
        if instance is None:
            with _setting_up.setdefault(key, threading.RLock()):
                instance = _instances.get(key)
                if instance is None:
                    instance = self._set_up(key, registration.set_up)
        return getattr(instance, self.name)(*args, **kwargs)

    def _set_up(self, key: _Key, method: str) -> Any:
        try:
            instance = self.adapter()
            _optional(instance, method)
        except BaseException as error:
            raise StageFailed("set-up") from error
        _instances[key] = instance
        _end_at_exit()
        return instance


def end_session(session: str) -> int:
    """Tear the instances of *session* down, the last one first, and return how many there were.

    Raises:
        BaseException: What a tear-down raised; a group if several did. All are gone.
    """
    return _end([key for key in [*_instances] if key[1] == session]) if session else 0


def _end_at_exit() -> None:
    global _ends_at_exit  # noqa: PLW0603 (a process has one end)
    if not _ends_at_exit:
        _ends_at_exit = True
        atexit.register(lambda: _end([*_instances]))


def _end(keys: Sequence[_Key]) -> int:
    failures: list[BaseException] = []
    for key in reversed(keys):
        instance = _instances.pop(key, None)
        _setting_up.pop(key, None)
        try:
            _optional(instance, registration_of(key[0]).tear_down)
        except BaseException as error:  # the others are torn down all the same
            failures.append(error)
    if len(failures) > 1:
        raise BaseExceptionGroup("several tear-downs failed", failures)
    if failures:
        raise failures[0]
    return len(keys)


def _optional(instance: Any, method: str) -> None:
    found = getattr(instance, method, None)
    if found is not None:
        found()
