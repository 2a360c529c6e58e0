"""What a new interpreter is told before it can talk: a literal of Python's in an inherited memfd.

It is not on the command line nor in the environment, where others could read the nonce. Reading it needs nothing of this
package, and imports nothing: `json` alone would be some milliseconds of a start, most of them for regular expressions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["FILE", "BootSpec"]

FILE = "treewarden-boot"  #: the memfd's name, as the kernel shows it


class BootSpec(NamedTuple):
    """Everything that the child needs to know; the numbers of descriptors are valid in the child."""

    worker: str
    incarnation: int
    nonce: str  #: sent back in the hello: proves that the peer is the process that we started
    data: Sequence[str]  #: endpoint of the data channel of each lane: of each call that may run at a time
    control: str  #: endpoint of the control channel
    board_fd: int
    lifeline_fd: int  #: read end of the dead-man's pipe
    service_fd: int  #: pidfd of the service
    stacks_fd: int  #: a memfd for the faulthandler
    path: list[str]  #: put before the child's own sys.path, or in its place
    replace_path: bool
    spin: float  #: seconds that a lane stays awake where calls come soon
    memory: int | None  #: RLIMIT_AS in bytes
    main_name: str | None  #: the service's main module, if it was run with -m
    main_path: str | None  #: else its script, or the directory or zip that holds its __main__.py
    limits: Sequence[
        Sequence[str | int]
    ] = ()  #: soft limits, each a name of `resource` without RLIMIT_, and a number
    secrets: Sequence[str] = ()  #: what no error, marker, log record or report of the child shows
    log_level: str | None = None  #: from which level on log records are sent; None: none are
    codec: str = "pickle"  #: how calls and answers are written; "json": nothing is unpickled
    allowed: Sequence[str] = ()  #: with "json", what may be called, each module:name

    def create_fd(self) -> int:
        """Return a new memfd that holds this value, to be read from its start."""
        fd = os.memfd_create(FILE, os.MFD_CLOEXEC)
        view = memoryview(ascii(_plain(self._asdict())).encode())
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
        return fd


def _plain(value: object) -> object:
    """Return *value* with nothing in it of a type of its own, which might show itself in another way."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    return value
