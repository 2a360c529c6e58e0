"""``python -m tests.otp_replay``."""

import sys

from tests.otp_replay.cli import main

if __name__ == "__main__":
    sys.exit(main())
