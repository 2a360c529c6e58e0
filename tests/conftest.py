"""What all tests share: how hypothesis runs here. Fixtures of trees and leaks are those of the plugin itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# So that an assertion in what tests share says what was found, as one in a test does.
pytest.register_assert_rewrite(*(file.stem for file in (Path(__file__).parent / "support").glob("*.py")))

# Two processes share two processors with interpreter processes: how long an example takes says nothing about it.
settings.register_profile("treewarden", deadline=None, print_blob=True)
settings.load_profile("treewarden")
