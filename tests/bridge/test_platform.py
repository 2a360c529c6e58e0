"""Where this does not run, one line says so."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from bridge.errors import PlatformUnsupported
from bridge.hub import Hub
from bridge.platform import require_supported
from supervision.clock import VirtualClock


@pytest.mark.parametrize("platform", ["win32", "darwin", "freebsd14"])
def test_another_platform(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """It is named, in one line; a hub does not start there either."""
    monkeypatch.setattr(sys, "platform", platform)

    with pytest.raises(PlatformUnsupported) as caught:
        require_supported()
    assert platform in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(PlatformUnsupported):
        Hub("hub", clock=VirtualClock()).start()


def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux whose kernel, or sandbox, has no pidfd_open."""

    def refuse(pid: int) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)

    with pytest.raises(PlatformUnsupported, match=r"pidfd_open.*5\.3"):
        require_supported()


def test_a_python_without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that was built against an old C library."""
    monkeypatch.delattr(os, "pidfd_open")

    with pytest.raises(PlatformUnsupported, match=r"without os\.pidfd_open"):
        require_supported()


def test_this_machine() -> None:
    """The twin: here it runs."""
    require_supported()
