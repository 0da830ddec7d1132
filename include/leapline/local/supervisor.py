"""Restart a component of Airflow when it exits: `python -m leapline.local.supervisor COMPONENT [ARGUMENT ...]`.

A scheduler on SQLite can lose a race for the database lock and exit in the middle of a backfill; its runs continue
after a restart. A component that exits soon after its start has a permanent fault and is not restarted.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

MIN_UPTIME_S: Final = 20.0
RESTART_DELAY_S: Final = 2.0


class Supervisor:
    """A process that restarts a command whenever it fails, until `stop` is called.

    Args:
        command: the program and its arguments.
        min_uptime_s: a command that fails sooner than this is not restarted.
        restart_delay_s: pause before a restart.
    """

    def __init__(
        self, command: Sequence[str], min_uptime_s: float = MIN_UPTIME_S, restart_delay_s: float = RESTART_DELAY_S
    ) -> None:
        self._command, self._min_uptime_s, self._restart_delay_s = list(command), min_uptime_s, restart_delay_s
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        """Run the command until it succeeds, fails soon after a start, or `stop` is called.

        Returns:
            The command's last exit status.
        """
        while True:
            started = time.monotonic()
            self._child = subprocess.Popen(self._command)
            code = self._child.wait()
            uptime = time.monotonic() - started
            if self._stopping or code == 0 or uptime < self._min_uptime_s:
                return code
            print(f"{self._command[-1]} exited with status {code} after {uptime:.0f} s; restarting it", flush=True)
            time.sleep(self._restart_delay_s)
            if self._stopping:
                return code

    def stop(self) -> None:
        """Terminate the command and do not restart it."""
        self._stopping = True
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()


def main() -> None:
    """Supervise the Airflow component named on the command line."""
    supervisor = Supervisor([sys.executable, "-m", "airflow", *sys.argv[1:]])
    signal.signal(signal.SIGTERM, lambda *_: supervisor.stop())
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
