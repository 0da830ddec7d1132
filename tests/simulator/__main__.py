"""`python -m tests.simulator --seeds 10000`, or one seed with its steps: `--seed 17`."""

import os
import sys

from tests.simulator.runner import main

if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # The order of sets of names is part of a seed's steps.
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulator", *sys.argv[1:]],  # noqa: S606
                  os.environ | {"PYTHONHASHSEED": "0"})  # fmt: skip
    sys.exit(main())
