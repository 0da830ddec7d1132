"""Fit the benchmarked models and write them into a folder: `python -m benchmarks.models FOLDER`."""

import sys
from pathlib import Path

from benchmarks import forest, mixed

if __name__ == "__main__":
    forest.make(Path(sys.argv[1]))
    mixed.make(Path(sys.argv[1]))
