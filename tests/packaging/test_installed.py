"""Under tox the suite tests the installed wheel, not the checkout in which it stands."""

from __future__ import annotations

import importlib
import os
import sysconfig
from pathlib import Path

import pytest

PACKAGES = ["actors", "bridge", "supervision"]


@pytest.mark.skipif(
    "TREEWARDEN_INSTALLED" not in os.environ, reason="set by tox: an editable install is fine here"
)
@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_come_from_site_packages(name: str) -> None:
    """A package or data file that setup.cfg forgets is missing there, and the suite fails."""
    package = importlib.import_module(name)
    assert package.__file__ is not None
    home = Path(package.__file__).resolve().parent

    assert home.parent == Path(sysconfig.get_path("purelib")).resolve()
    assert (home / "py.typed").is_file()
