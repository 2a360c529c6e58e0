"""The first thing that a new interpreter runs: limits, signals and paths as it was told, then the loop.

Run as a script, before this package can be imported; so it stands on the standard library alone until the path is set.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import select
import signal
import sys

__all__ = ["boot"]


def boot(spec_fd: int) -> None:
    """Set the process up as the spec in *spec_fd* says, then serve calls until the end."""
    # Nothing of what is imported is ever garbage, and looking for it there is a thirtieth of the start.
    gc.disable()
    with open(spec_fd, "rb") as file:
        # Of our own service's making, which runs what it likes here anyway.
        fields = eval(file.read(), {"__builtins__": {}})
    lifeline = select.poll()
    lifeline.register(fields["lifeline_fd"], 0)
    if lifeline.poll(0):
        # The service ended before the kernel could be told to kill us for it.
        os._exit(1)
    # Inherited from the service, which may ignore or block what a worker's own children, and their ends, depend on.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # Ignored by a function, not by SIG_IGN, which programs that a call starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    # Into memory that the service has, too: what a crash writes is there, whatever becomes of stderr.
    stacks: int = fields["stacks_fd"]
    faulthandler.enable(stacks)
    faulthandler.register(signal.SIGURG, stacks, chain=False)
    os.register_at_fork(after_in_child=_forked)
    if fields["memory"] is not None:
        _limit("AS", fields["memory"])
    for name, wanted in fields["limits"]:
        _limit(name.upper(), wanted)
    sys.path[:] = fields["path"] if fields["replace_path"] else [*fields["path"], *sys.path]
    sys.argv[:] = [""]

    from bridge.interpreter import light_typing

    with light_typing.lent():
        from bridge.interpreter.loop import run
        from bridge.wire.boot_spec import BootSpec
    # Without a look at each of them they are now as old as objects get.
    gc.freeze()
    gc.unfreeze()
    gc.enable()
    run(BootSpec(**fields))


def _limit(name: str, wanted: int) -> None:
    """Set a soft limit, not above the hard one."""
    import resource  # not at the top: most workers have no limits

    kind = getattr(resource, f"RLIMIT_{name}")
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _forked() -> None:
    """In a copy that the code of a call has forked: its crash is not this interpreter's."""
    faulthandler.unregister(signal.SIGURG)
    faulthandler.enable()


if __name__ == "__main__":
    boot(int(sys.argv[1]))
