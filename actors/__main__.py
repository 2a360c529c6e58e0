"""``python -m actors``: look into the services that run; see ``command_line``."""

from __future__ import annotations

import sys

__all__: list[str] = []

if __name__ == "__main__":
    from actors.command_line import main

    sys.exit(main(sys.argv[1:]))
