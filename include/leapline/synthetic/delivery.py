"""From event to line: clocks, the way to the collector, and what goes wrong on it.

Snowplow's times hang together as `derived = collector - (sent - created)`: the collector's clock, less how long the
device waited before sending, whatever the device's own clock says.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from leapline.snowplow.batches import DAY_MS
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.timeline import Events
from leapline.synthetic.visitors import Visits

Ints = npt.NDArray[np.int64]
Raw = npt.NDArray[np.uint8]

DUPLICATE, CONFLICT, LATE, LATE_BEYOND, BROKEN, CLOCK = (
    "duplicates",
    "conflicts",
    "late",
    "late_beyond",
    "broken",
    "clock_wrong",
)
_CLOCK_JUMP_MS = 60_000


@dataclass(frozen=True)
class Lines:
    """One row a line to be written; `event` is the row in the events."""

    event: Ints
    created_ms: Ints
    sent_ms: Ints
    collector_ms: Ints
    derived_ms: Ints
    event_id: Raw
    fingerprint: Raw
    broken: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: Ints) -> "Lines":
        """Some of the rows, in that order."""
        return Lines(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def deliver(
    rng: np.random.Generator, spec: GeneratorSpec, visits: Visits, session: Ints, events: Events
) -> tuple[Lines, dict[str, int]]:
    """The lines that the events end in, and how often each mishap befell them.

    Args:
        session: for each event, its row in the visits.
    """
    n = len(events)
    late, beyond = rng.random(n) < spec.late, rng.random(n) < spec.late_beyond
    waits = np.where(late, _days_late(rng, n, beyond), np.exp(rng.normal(3.0, 1.2, n))).astype(np.int64)
    travel = np.clip(np.exp(rng.normal(4.6, 0.5, n)), 15, 4000).astype(np.int64)
    created = events.at_ms - travel + visits.clock_ms[session]
    collector = events.at_ms + waits
    jumped = visits.clock_jumped[session] & (events.at_ms - visits.start_ms[session] < _CLOCK_JUMP_MS)
    sent = np.where(jumped, events.at_ms - travel, created) + waits
    plain = Lines(
        event=np.arange(n),
        created_ms=created,
        sent_ms=sent,
        collector_ms=collector,
        derived_ms=collector - (sent - created),
        event_id=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        fingerprint=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        broken=np.zeros(n, dtype=bool),
    )
    again, other, broken = (
        _repeated(rng, plain, spec.duplicates),
        _conflicting(rng, plain, spec),
        _broken(rng, plain, spec),
    )
    counts = {
        DUPLICATE: len(again),
        CONFLICT: len(other),
        LATE: int(late.sum()),
        LATE_BEYOND: int((late & beyond).sum()),
        BROKEN: len(broken),
        CLOCK: int((np.abs(visits.clock_ms[session]) > DAY_MS // 2).sum()),
    }
    parts = [plain, again, other, broken]
    return Lines(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Lines)}), counts


def _days_late(rng: np.random.Generator, n: int, beyond: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.where(beyond, rng.uniform(3.2, 6, n), rng.uniform(1, 2.9, n)) * DAY_MS


def _some(rng: np.random.Generator, lines: Lines, share: float) -> Lines:
    return lines.take(np.flatnonzero(rng.random(len(lines)) < share))


def _repeated(rng: np.random.Generator, lines: Lines, share: float) -> Lines:
    """Sent again by a client that saw no answer: all the same, but received later."""
    some = _some(rng, lines, share)
    wait = np.exp(rng.normal(8.5, 1.5, len(some))).astype(np.int64) + 1
    return Lines(**{**vars(some), "collector_ms": some.collector_ms + wait, "sent_ms": some.sent_ms + wait})


def _conflicting(rng: np.random.Generator, lines: Lines, spec: GeneratorSpec) -> Lines:
    """Another event under the same id, as robots and bad random numbers make them."""
    some = _some(rng, lines, spec.conflicts)
    later = rng.integers(1000, 60_000, len(some))
    moved = {name: getattr(some, name) + later for name in ("created_ms", "sent_ms", "collector_ms", "derived_ms")}
    return Lines(**{**vars(some), **moved, "fingerprint": rng.integers(0, 256, (len(some), 16), dtype=np.uint8)})


def _broken(rng: np.random.Generator, lines: Lines, spec: GeneratorSpec) -> Lines:
    """Lines to be damaged when they are written; under ids of their own, so that no whole line is lost."""
    some = _some(rng, lines, spec.broken)
    fresh = {name: rng.integers(0, 256, (len(some), 16), dtype=np.uint8) for name in ("event_id", "fingerprint")}
    return Lines(**{**vars(some), **fresh, "broken": np.ones(len(some), dtype=bool)})
