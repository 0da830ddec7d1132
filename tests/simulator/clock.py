"""Logical time: it passes only when the simulator says so."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

START: Final = datetime(2026, 3, 10, 3, tzinfo=UTC).timestamp()


class Clock:
    """The clock of a simulated world, as a replacement of the module `time` too.

    Attributes:
        now: seconds of the epoch; never goes back.
        offset: by how many seconds the wall clock of the running actor's machine is wrong.
        sleeps: what the running actor does for a number of seconds.
    """

    def __init__(self) -> None:
        self.now, self.offset = START, 0.0
        self.sleeps: Callable[[float], None] = self.advance

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += max(seconds, 0.0)

    def monotonic(self) -> float:
        """Return seconds that only increase, as `time.monotonic`."""
        return self.now

    def time(self) -> float:
        """Return the wall clock of the actor's machine, as `time.time`."""
        return self.now + self.offset

    def sleep(self, seconds: float) -> None:
        """Suspend the running actor, as `time.sleep`."""
        self.sleeps(seconds)

    def stored(self) -> datetime:
        """Return the time by the clock of a store or a registry."""
        return datetime.fromtimestamp(self.now, UTC)
