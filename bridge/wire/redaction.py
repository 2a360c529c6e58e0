"""Declared secrets out of texts that people read: errors, log records, reports, markers, and what a process has written.

What is computed with is not touched: arguments and results go as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

__all__ = ["REDACTED", "Redactor"]

REDACTED: Final = "[redacted]"


class Redactor:
    """Replaces each of *secrets* by ``[redacted]``, also as ``repr`` and JSON write it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {
            form
            for secret in secrets
            for form in (
                secret,
                repr(secret)[1:-1],
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
            )
        }
        # The longest first: one secret may lie within another.
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def __call__(self, text: str) -> str:
        """Return *text* without the secrets."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text

    def finds(self, data: bytes) -> bool:
        """Return whether *data*, a pickle, holds one of the secrets as a string."""
        return any(form.encode("utf-8", "surrogatepass") in data for form in self._forms)
