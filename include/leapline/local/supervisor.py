"""Keeps a component of Airflow running: `python -m leapline.local.supervisor COMPONENT [ARGUMENT ...]`.

A scheduler on SQLite can lose a race for the database and end, with a backfill half done; what was under way goes on
when it is started again. A component that ends soon after its start has another fault, which no further start mends.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

SOON_S: Final = 20.0
PAUSE_S: Final = 2.0


class Keeper:
    """Starts a command again whenever it fails, until told to stop."""

    def __init__(self, command: Sequence[str], soon_s: float = SOON_S, pause_s: float = PAUSE_S) -> None:
        self._command, self._soon_s, self._pause_s = list(command), soon_s, pause_s
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        """Until it ends well, soon after a start, or `stop`; gives its last exit status."""
        while True:
            began = time.monotonic()
            self._child = subprocess.Popen(self._command)
            code = self._child.wait()
            ran = time.monotonic() - began
            if self._stopping or code == 0 or ran < self._soon_s:
                return code
            print(f"{self._command[-1]} ended with status {code} after {ran:.0f} s; starting it again", flush=True)
            time.sleep(self._pause_s)
            if self._stopping:
                return code

    def stop(self) -> None:
        """Ask the command to end, and start it no more."""
        self._stopping = True
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()


def main() -> None:
    """Keep the component that the arguments name."""
    keeper = Keeper([sys.executable, "-m", "airflow", *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: keeper.stop())
    sys.exit(keeper.run())


if __name__ == "__main__":
    main()
