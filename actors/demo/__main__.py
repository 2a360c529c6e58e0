"""``python -m actors.demo``: Ctrl-C ends it in one line from here on, while its modules load, too.

What it does, and what Ctrl-C means while it does it, is in ``cli``.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

__all__: list[str] = []

_INTERRUPTED = 130


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Nothing is begun. An exception instead would pass through half-loaded modules, some of which swallow it.
    os.write(2, b"python -m actors.demo: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    # One who ignores it, as a background job of a script does, goes on ignoring it.
    listening = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listening:
        signal.signal(signal.SIGINT, _leave)
    from bridge.errors import PlatformUnsupported
    from bridge.platform import require_supported

    try:
        require_supported()  # what follows imports modules that other platforms do not have
    except PlatformUnsupported as error:
        sys.exit(f"python -m actors.demo: {error}")

    from actors.demo.cli import main

    try:
        if listening:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            code = main()
        finally:
            # Everything is said and closed; what is left is the interpreter's own end, which is short.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        _leave(signal.SIGINT, None)
    sys.exit(code)
