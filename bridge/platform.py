"""Where this package works: one clear line on a platform where it does not.

Imports nothing that is missing elsewhere, so that the check can run before anything else is imported.
"""

from __future__ import annotations

import os
import sys

from bridge.errors import PlatformUnsupported

__all__ = ["require_supported"]


def require_supported() -> None:
    """Return on a Linux with pidfds; does not block.

    Raises:
        PlatformUnsupported: Anywhere else; one line that says what is missing.
    """
    if sys.platform != "linux":
        raise PlatformUnsupported(sys.platform, "it runs on Linux (kernel 5.3 or later) only")
    if not hasattr(os, "pidfd_open"):
        raise PlatformUnsupported("this Python on Linux", "it was built without os.pidfd_open")
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        raise PlatformUnsupported(
            "this Linux",
            f"pidfd_open fails ({error.strerror}); it needs kernel 5.3 or later, and a sandbox that allows it",
        ) from None
