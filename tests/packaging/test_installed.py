"""Under tox the suite tests the installed wheel, not the checkout in which it stands."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sysconfig
from pathlib import Path

import pytest
from sources import PACKAGES, ROOT, package_modules

pytestmark = pytest.mark.skipif(
    "TREEWARDEN_INSTALLED" not in os.environ, reason="tox sets this; elsewhere an editable install is fine"
)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_packages_come_from_site_packages(name: str) -> None:
    """What is imported is what was installed, with the marker that makes it typed."""
    package = importlib.import_module(name)
    assert package.__file__ is not None
    home = Path(package.__file__).resolve().parent

    assert home.parent == Path(sysconfig.get_path("purelib")).resolve()
    assert (home / "py.typed").is_file()


def test_the_wheel_holds_the_modules_and_nothing_else() -> None:
    """No module is forgotten, and none that was deleted is shipped from a stale build folder (delete ``build/``)."""
    shipped = importlib.metadata.files("treewarden") or []

    assert {str(file) for file in shipped if file.suffix == ".py"} == {
        str(module.path.relative_to(ROOT)) for module in package_modules()
    }
