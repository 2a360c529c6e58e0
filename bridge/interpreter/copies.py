"""A copy of this interpreter that the code of a call has forked, and that comes back from the call: it must not go on.

The loop, the sockets and the caller are the interpreter's own; two that answered on them would be taken for one. What the
copy does until then is its own affair.
"""

from __future__ import annotations

import os
from typing import Final, NoReturn

from bridge.interpreter import current

__all__ = ["RETURNED", "end", "install"]

#: Exit code of a copy that came back (EX_SOFTWARE of sysexits.h): its code was to end it.
RETURNED: Final = 70

is_copy = False  #: whether this process is one; asked after each call


def install() -> None:
    """Notice every fork of this process from now on; those by C code run no such hook."""
    os.register_at_fork(after_in_child=_forked)


def end() -> NoReturn:
    """End this copy, whose call has come to its end, and nothing else: no exit function, no socket, no word on the board."""
    text = (
        f"pid {os.getpid()} is a copy that a call has forked, and came back from that call: it ends here;"
        " a copy should end itself by os._exit()\n"
    )
    os.write(2, text.encode())
    os._exit(RETURNED)


def _forked() -> None:
    global is_copy  # noqa: PLW0603 (a process is a copy for ever)
    is_copy = True
    for lane in current.lanes():
        lane.reporter.disown()
