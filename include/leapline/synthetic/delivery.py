"""Turn events into lines: clocks, transport to the collector, and its anomalies.

Snowplow derives an event's time as `derived = collector - (sent - created)`: the collector's clock minus the time that
the event waited on the device, which does not depend on the device's clock.
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
    """One row per line to be written; `event` is the row in `Events`."""

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
        """Return the given rows, in that order."""
        return Lines(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def deliver(
    rng: np.random.Generator, spec: GeneratorSpec, visits: Visits, session: Ints, events: Events
) -> tuple[Lines, dict[str, int]]:
    """Return the lines of the events, and the number of lines per anomaly.

    Args:
        session: the row in `Visits` of each event, shape (events,).
    """
    n = len(events)
    late, beyond = rng.random(n) < spec.late, rng.random(n) < spec.late_beyond
    waits = np.where(late, _days_late(rng, n, beyond), np.exp(rng.normal(3.0, 1.2, n))).astype(np.int64)
    travel = np.clip(np.exp(rng.normal(4.6, 0.5, n)), 15, 4000).astype(np.int64)
    created = events.at_ms - travel + visits.clock_ms[session]
    collector = events.at_ms + waits
    jumped = visits.clock_jumped[session] & (events.at_ms - visits.start_ms[session] < _CLOCK_JUMP_MS)
    sent = np.where(jumped, events.at_ms - travel, created) + waits
    original = Lines(
        event=np.arange(n),
        created_ms=created,
        sent_ms=sent,
        collector_ms=collector,
        derived_ms=collector - (sent - created),
        event_id=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        fingerprint=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        broken=np.zeros(n, dtype=bool),
    )
    repeated, conflicting, broken = (
        _repeated(rng, original, spec.duplicates),
        _conflicting(rng, original, spec),
        _broken(rng, original, spec),
    )
    counts = {
        DUPLICATE: len(repeated),
        CONFLICT: len(conflicting),
        LATE: int(late.sum()),
        LATE_BEYOND: int((late & beyond).sum()),
        BROKEN: len(broken),
        CLOCK: int((np.abs(visits.clock_ms[session]) > DAY_MS // 2).sum()),
    }
    parts = [original, repeated, conflicting, broken]
    return Lines(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Lines)}), counts


def _days_late(rng: np.random.Generator, n: int, beyond: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.where(beyond, rng.uniform(3.2, 6, n), rng.uniform(1, 2.9, n)) * DAY_MS


def _sample(rng: np.random.Generator, lines: Lines, share: float) -> Lines:
    return lines.take(np.flatnonzero(rng.random(len(lines)) < share))


def _repeated(rng: np.random.Generator, lines: Lines, share: float) -> Lines:
    """Events sent again by a client that got no response: identical, but received later."""
    sample = _sample(rng, lines, share)
    wait = np.exp(rng.normal(8.5, 1.5, len(sample))).astype(np.int64) + 1
    return Lines(**{**vars(sample), "collector_ms": sample.collector_ms + wait, "sent_ms": sample.sent_ms + wait})


def _conflicting(rng: np.random.Generator, lines: Lines, spec: GeneratorSpec) -> Lines:
    """Different events with the same id, as bots and weak random number generators produce them."""
    sample = _sample(rng, lines, spec.conflicts)
    later = rng.integers(1000, 60_000, len(sample))
    moved = {name: getattr(sample, name) + later for name in ("created_ms", "sent_ms", "collector_ms", "derived_ms")}
    return Lines(**{**vars(sample), **moved, "fingerprint": rng.integers(0, 256, (len(sample), 16), dtype=np.uint8)})


def _broken(rng: np.random.Generator, lines: Lines, spec: GeneratorSpec) -> Lines:
    """Lines that are damaged when written; with their own ids, so that no intact line is lost."""
    sample = _sample(rng, lines, spec.broken)
    fresh = {name: rng.integers(0, 256, (len(sample), 16), dtype=np.uint8) for name in ("event_id", "fingerprint")}
    return Lines(**{**vars(sample), **fresh, "broken": np.ones(len(sample), dtype=bool)})
