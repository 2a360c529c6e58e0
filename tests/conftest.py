"""What all tests share: how hypothesis runs here. Fixtures of trees and leaks are those of the plugin itself."""

from __future__ import annotations

from hypothesis import settings

# Two processes share two processors with interpreter processes: how long an example takes says nothing about it.
settings.register_profile("treewarden", deadline=None, print_blob=True)
settings.load_profile("treewarden")
