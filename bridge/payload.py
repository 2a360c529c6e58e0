"""Calls as frames, on the host's side: the forms of a request, and what each is called.

How they are pickled is in `pickling`, what the child does with them in `interpreter.calls`, what came of it in `outcome`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypedDict, Unpack, final

from bridge import naming, pickling
from bridge.interpreter.adapters import Method, method_of, registration_of
from bridge.interpreter.namespaces import evaluate
from bridge.interpreter.sessions import end
from bridge.interpreter.surroundings import find_variable
from bridge.options import InterpreterOptions
from bridge.pickling import main_module
from bridge.wire import codec
from bridge.wire.call_body import reference_to
from bridge.wire.redaction import Redactor

__all__ = [
    "EncodedCall",
    "OnUnserialisable",
    "Options",
    "encode_call",
    "encode_end_of_session",
    "encode_method",
    "encode_source",
    "main_module",
    "options_of",
]

#: What to do about what cannot be serialised: raise, or send a marker (`wire.marker.Unserialisable`) in its place.
OnUnserialisable = Literal["error", "marker"]
_ON_UNSERIALISABLE: Final = ("error", "marker")
#: Bytes of a trace header, names and values together; W3C's baggage alone may have half of it.
_LARGEST_TRACE: Final = 16 * 1024
#: Characters of a source that its label shows.
_LABEL: Final = 40


class Options(TypedDict, total=False):
    """What can be asked of every form of a call, beside what it is to do. What is not used costs nothing.

    Keys:
        on_unserialisable: "marker" sends a marker in the place of what cannot be sent, in the arguments and in the result.
        secrets: What is shown in no error and no marker.
        context: Names, each ``module:NAME``, of the context variables that travel along; one without a value does not.
        codec: The codec of the interpreter's options.
        trace: A trace header, such as W3C's traceparent; in the worker it is ``bridge.interpreter.trace_header()``.
    """

    on_unserialisable: OnUnserialisable
    secrets: Sequence[str]
    context: Sequence[str]
    trace: Mapping[str, str] | None
    codec: str


@final
class EncodedCall(NamedTuple):
    """A call that is ready to be sent, to any worker."""

    label: str  #: module and name of the function
    frames: Sequence[bytes | memoryview]
    codec: str = codec.PICKLE  #: only an interpreter of this codec takes it

    def __repr__(self) -> str:
        return f"EncodedCall({self.label!r})"  # its arguments may be big, or secret


def encode_call(
    function: Callable[..., Any] | str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    **options: Unpack[Options],
) -> EncodedCall:
    """Encode the call of a function, in the caller's thread.

    Args:
        function: Goes by reference, as do all functions and classes; by value, with cloudpickle, if it belongs to a main
            module that has no file (a REPL, a notebook, ``python -c``). With the codec "json" it goes by name, and may be
            given as one: ``module:name``.
        args: Big buffers in them travel uncopied; they must not change until the answer is here.
        kwargs: Likewise.
        options: See ``Options``.

    Raises:
        NotPicklable: If the function or an argument cannot be sent, and ``path`` says which part of it; nothing was sent.
        ValueError, TypeError, ImportError, AttributeError: If an option has no sense.
    """
    reference = reference_to(function)
    label = _label(function) if reference is None else reference.label
    if not options:
        return EncodedCall(label, pickling.dumps((function, tuple(args), dict(kwargs)), label, reference))
    return _encode(label, function, args, kwargs, options)


def encode_method(
    adapter: type,
    method: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    session: str = "",
    **options: Unpack[Options],
) -> EncodedCall:
    """Pickle the call of a method of a registered adapter (``bridge.interpreter.adapter``), whose instance is the worker's.

    Args:
        adapter: The class.
        method: The name of a public method.
        args: As of ``encode_call``.
        kwargs: Likewise.
        session: Whose instance it is, if the adapter's scope is "session".
        options: See ``Options``.

    Raises:
        TypeError: If *adapter* is not registered.
        AttributeError: If there is no such method; the text names those that there are.
        ValueError: If the adapter wants a session and there is none.
        NotPicklable: As ``encode_call``.
    """
    label = _label(method_of(adapter, method))
    if registration_of(adapter).scope == "session" and not session:
        raise ValueError(f"{label}: its adapter has an instance for each session, and no session is given")
    return _encode(label, Method(adapter, session, method), args, kwargs, options)


def encode_source(source: str, *, session: str = "", **options: Unpack[Options]) -> EncodedCall:
    """Encode the evaluation of Python source in the namespace of a session.

    Args:
        source: If it is one expression, its value is the result; else it is run, and the result is None.
        session: Whose namespace it is; "": one that all sources without a session share, in each worker.
        options: See ``Options``.

    What is wrong with the source the call tells, in the worker's version of Python.
    """
    if not isinstance(source, str):
        raise TypeError(f"a source of type {type(source).__qualname__}, expected str")
    label = " ".join(source.split())
    label = label if len(label) <= _LABEL else f"{label[:_LABEL]}..."
    label = Redactor(options.get("secrets", ()))(f"source {label!r}")
    return _encode(label, evaluate, (session, source), {}, options)


def encode_end_of_session(session: str) -> EncodedCall:
    """Encode the end of a session in a worker: its adapters are torn down, its namespace is gone."""
    return _encode(f"end of session {session!r}", end, (session,), {}, {})


def _encode(
    label: str, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options
) -> EncodedCall:
    call: tuple[Any, ...] = (function, tuple(args), dict(kwargs))
    extras = _extras(options)
    secrets, marking = options.get("secrets", ()), "marking" in extras
    if options.get("codec", codec.PICKLE) == codec.PLAIN:
        return EncodedCall(label, naming.dumps(call, extras, label, marking, secrets), codec.PLAIN)
    if extras:
        call = (*call, extras)
    reference = reference_to(function)
    return EncodedCall(label, pickling.dumps(call, label, reference, marking=marking, secrets=secrets))


def options_of(interpreter: InterpreterOptions) -> Options:
    """Return what of *interpreter* every call to it must be encoded with; nothing, if that is as usual."""
    options: Options = {}
    if interpreter.codec != codec.PICKLE:
        options["codec"] = interpreter.codec
    if interpreter.secrets:
        options["secrets"] = interpreter.secrets
    return options


def _extras(options: Options) -> dict[str, Any]:
    """Return what travels with the call: what is used of the options, and nothing else."""
    if unknown := options.keys() - Options.__annotations__.keys():
        known = ", ".join(sorted(Options.__annotations__))
        raise TypeError(f"unknown option {min(unknown)!r} of a call, expected one of {known}")
    extras: dict[str, Any] = {}
    on_unserialisable = options.get("on_unserialisable", "error")
    if on_unserialisable not in _ON_UNSERIALISABLE:
        raise ValueError(f"on_unserialisable={on_unserialisable!r}: expected one of {_ON_UNSERIALISABLE}")
    if on_unserialisable == "marker":
        extras["marking"] = True
    if isinstance(options.get("context", ()), str):
        raise TypeError(f"context={options['context']!r}: expected several names, each 'module:NAME'")
    variables = {name: find_variable(name) for name in options.get("context", ())}
    missing = object()
    values = {name: variable.get(missing) for name, variable in variables.items()}
    if variables:
        # Those that have a value here. Without any, the call still gets a context of its own.
        extras["context"] = {name: value for name, value in values.items() if value is not missing}
    if trace := options.get("trace"):
        if not isinstance(trace, Mapping) or not all(
            isinstance(each, str) for pair in trace.items() for each in pair
        ):
            raise TypeError("trace: expected a mapping of str to str, such as {'traceparent': '00-...'}")
        size = sum(len(each.encode("utf-8", "replace")) for pair in trace.items() for each in pair)
        if size > _LARGEST_TRACE:
            raise ValueError(f"trace: {size} bytes, expected at most {_LARGEST_TRACE}")
        extras["trace"] = dict(trace)
    return extras


def _label(function: Any) -> str:
    if isinstance(function, str):
        return function.replace(":", ".")
    try:
        return f"{function.__module__}.{function.__qualname__}"
    except AttributeError:  # a partial, or an object with __call__
        inner = getattr(function, "func", None)
        return (
            f"{type(function).__name__}({_label(inner)})"
            if inner is not None
            else type(function).__qualname__
        )
