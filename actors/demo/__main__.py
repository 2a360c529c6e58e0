"""``python -m actors.demo``."""

import sys

from actors.demo.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
