"""Which visitors come, when, and for which time.

A day can be generated alone, so no visitor's history is simulated. Visitors belong to daily cohorts; a cohort's random
numbers determine all days within `LIFE_DAYS` on which each of its visitors returns. A day collects its sessions from
the cohorts that can still be active.
"""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from leapline.snowplow.batches import DAY_MS
from leapline.synthetic.spec import GeneratorSpec

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Raw = npt.NDArray[np.uint8]

LIFE_DAYS: Final = 28
HUMAN, BOT_KNOWN, BOT_AGENT, BOT_HIDDEN = range(4)
"""A bot is on the IAB list, recognisable only by its user agent, or hidden (a browser's user agent at bot speed)."""

_MAX_VISITS = 8
_COMES_BACK = 0.36
_SAME_DAY = 0.12
_MEAN_GAP_DAYS = 5.0
_PAUSE_MS = 35 * 60_000
_WEEKDAY = np.array([1.0, 0.96, 0.94, 0.97, 0.98, 1.05, 1.10])
_HOUR = np.array(
    [12, 7, 4, 3, 3, 5, 11, 22, 34, 42, 47, 52, 60, 56, 50, 48, 50, 56, 68, 82, 92, 84, 55, 27], dtype=float
)
DEVICE_SHARES: Final = np.array([0.46, 0.47, 0.07])
"""Computer, Mobile, Tablet."""
REFERRER_SHARES: Final = np.array([0.33, 0.34, 0.12, 0.08, 0.13])
"""Direct, search, social, e-mail, paid."""
TOWNS: Final = 12


@dataclass(frozen=True)
class Visits:
    """One row per session."""

    visitor_id: Raw
    """Random bytes, shape (n, 16), the same in every session of a visitor."""
    session_id: Raw
    session_index: Ints
    gap_days: Floats
    """Days since the previous session; infinite for the first one."""
    start_ms: Ints
    """Milliseconds since 1970."""
    device: Ints
    agent: Ints
    town: Ints
    octet: Ints
    login: Ints
    """Customer number; -1 if not logged in."""
    consent: Bools
    referrer: Ints
    anonymous: Bools
    """Whether tracked without cookie ids."""
    bot: Ints
    clock_ms: Ints
    """How far the device's clock is ahead, in milliseconds."""
    clock_jumped: Bools
    """Whether the clock was corrected between recording and sending the first events."""

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, rows: Ints | Bools) -> "Visits":
        """Return the given rows, in that order."""
        return Visits(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def followed_by(self, other: "Visits") -> "Visits":
        """Return these rows followed by the other's."""
        return Visits(**{f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)})


def visits_of(spec: GeneratorSpec, day: date, chunk: int) -> Visits:
    """Return the human sessions of one chunk that start on `day`, in order of their start."""
    parts = [_from_cohort(spec, day, age, chunk) for age in range(LIFE_DAYS)]
    sessions = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rng = spec.rng("visits", day.toordinal(), chunk)
    n = len(sessions["session_index"])
    sessions["start_ms"] = _starts(rng, day, sessions)
    wrong = rng.random(n) < spec.clock_wrong
    visits = Visits(
        session_id=rng.integers(0, 256, (n, 16), dtype=np.uint8),
        referrer=rng.choice(len(REFERRER_SHARES), n, p=REFERRER_SHARES),
        anonymous=rng.random(n) < spec.missing_ids,
        bot=np.full(n, HUMAN),
        clock_ms=np.where(wrong, _wrong_clock(rng, n), rng.normal(0, 2000, n)).astype(np.int64),
        clock_jumped=wrong & (rng.random(n) < 0.25),
        **sessions,
    )
    return visits.take(np.argsort(visits.start_ms, kind="stable"))


def _from_cohort(spec: GeneratorSpec, day: date, age: int, chunk: int) -> dict[str, npt.NDArray[Any]]:
    """Return sessions on `day` of visitors who first came `age` days before."""
    born = day.toordinal() - age
    rng = spec.rng("cohort", born, chunk)
    visits_each = (1 - _COMES_BACK**_MAX_VISITS) / (1 - _COMES_BACK)
    mean = spec.sessions_per_day / spec.chunks / visits_each * _WEEKDAY[(born - 1) % 7] / _WEEKDAY.mean()
    n = int(rng.poisson(mean))
    gap = np.where(rng.random((n, _MAX_VISITS)) < _SAME_DAY, 0, rng.geometric(1 / _MEAN_GAP_DAYS, (n, _MAX_VISITS)))
    gap[:, 0] = 0
    stays = np.cumprod(rng.random((n, _MAX_VISITS)) < _COMES_BACK, axis=1)
    comes = np.hstack([np.ones((n, 1), dtype=bool), stays[:, :-1].astype(bool)])
    who, nth = np.nonzero((np.cumsum(gap, axis=1) == age) & comes)
    device = rng.choice(3, n, p=DEVICE_SHARES)
    person: dict[str, npt.NDArray[Any]] = {
        "visitor_id": rng.integers(0, 256, (n, 16), dtype=np.uint8),
        "device": device,
        "agent": device * 4 + rng.integers(0, 4, n),
        "town": rng.integers(0, TOWNS, n),
        "octet": rng.integers(1, 255, n),
        "login": np.where(rng.random(n) < 0.25, rng.integers(10_000, 10_000_000, n), -1),
        "consent": rng.random(n) < spec.consent,
    }
    return {name: values[who] for name, values in person.items()} | {
        "session_index": nth + 1,
        "gap_days": np.where(nth == 0, np.inf, gap[who, nth].astype(float)),
    }


def _starts(rng: np.random.Generator, day: date, sessions: dict[str, npt.NDArray[Any]]) -> Ints:
    """Return start times that follow the hourly traffic; a visitor's sessions of a day are in order, with pauses."""
    n = len(sessions["session_index"])
    in_day = (rng.choice(24, n, p=_HOUR / _HOUR.sum()) * 3_600_000 + rng.integers(0, 3_600_000, n)).astype(np.int64)
    keys = np.ascontiguousarray(sessions["visitor_id"]).view("V16").ravel().view(np.uint64).reshape(-1, 2)[:, 0]
    by_index = np.lexsort((sessions["session_index"], keys))
    by_time = np.lexsort((in_day, keys))
    ordered = in_day[by_time]
    again = keys[by_index][1:] == keys[by_index][:-1]
    ordered[1:] = np.where(again, np.maximum(ordered[1:], ordered[:-1] + _PAUSE_MS), ordered[1:])
    in_day[by_index] = np.minimum(ordered, DAY_MS - 1)
    return in_day + (day - date(1970, 1, 1)).days * DAY_MS


def _wrong_clock(rng: np.random.Generator, n: int) -> Ints:
    """Return offsets of wrong clocks: at 1970, in 2038, a day ahead."""
    years = rng.choice([-56 * 365, 12 * 365, 1], n)
    return (years * DAY_MS + rng.integers(-3_600_000, 3_600_000, n)).astype(np.int64)
