"""The benchmark program: ours and what it is compared with, interleaved in one run; ``python -m benchmarks --help``."""
