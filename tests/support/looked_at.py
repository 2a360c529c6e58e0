"""A service of its own process, for who looks into it from outside: ``python -m looked_at NAME``, until a line comes."""

from __future__ import annotations

import sys

from actors import Pool

if __name__ == "__main__":
    with Pool(workers=1, name=sys.argv[1]) as pool:
        pool.wait_ready()
        print("ready", flush=True)
        sys.stdin.readline()
