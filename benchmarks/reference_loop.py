"""A loop whose processor time stands for the speed of this machine.

    python -m benchmarks.reference_loop

prints the core-seconds of the loop. Its mix resembles that of the steps: interpreted code, hashes, compression, sorted
numbers, and more memory than a cache holds.
"""

import hashlib
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Final

import numpy as np

_ROUNDS: Final = 12
AT_ONCE: Final = 2
"""Loops that run at the same time, as the steps' threads do: two busy threads of one core are slower than one."""


def run_once() -> float:
    """Run the loop in this process; return its core-seconds."""
    began = time.process_time()
    numbers = np.random.default_rng(1).integers(0, 1 << 40, 1_000_000)
    for _ in range(_ROUNDS):
        counts: dict[int, int] = {}
        for number in range(150_000):
            counts[number * 7919 % 10_007] = counts.get(number % 10_007, 0) + number
        content = np.sort(numbers).tobytes()
        hashlib.sha256(zlib.compress(content[: 1 << 20], 6) + content).digest()
    return time.process_time() - began


def measure() -> float:
    """Run the loop on two cores at the same time; return the mean of their core-seconds."""
    argv = [sys.executable, "-m", "benchmarks.reference_loop"]
    folder = Path(__file__).resolve().parents[1]
    loops = [subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True) for _ in range(AT_ONCE)]
    return sum(float(loop.communicate()[0]) for loop in loops) / AT_ONCE


if __name__ == "__main__":
    print(run_once())
