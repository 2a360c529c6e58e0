"""The end of a session in a worker: what it set up is torn down, what it defined is gone."""

from __future__ import annotations

from bridge.interpreter import adapters, namespaces

__all__ = ["end"]


def end(session: str) -> None:
    """Tear the session's adapters down, and drop its namespace. One that never was is no error.

    Raises:
        BaseException: What a tear-down raised; all of it is gone nevertheless.
    """
    try:
        adapters.end_session(session)
    finally:
        namespaces.forget(session)
