"""Generating days of events into a landing folder."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from leapline.errors import InputError
from leapline.events.generator import timeline
from leapline.events.generator.behaviour import go_shopping, in_order
from leapline.events.generator.breakage import damage
from leapline.events.generator.catalogue import make_catalogue
from leapline.events.generator.chance import chance_to_buy
from leapline.events.generator.delivery import Lines, deliver
from leapline.events.generator.outcome import robots, toss
from leapline.events.generator.people import session_ids
from leapline.events.generator.render import Chunk, render
from leapline.events.generator.spec import GeneratorSpec
from leapline.events.generator.timeline import events_of
from leapline.events.generator.truth import FOLDER, HEADER, Truth, truth_path
from leapline.events.generator.visitors import DAY_MS, visits_of
from leapline.events.landing import gzip_bytes, part_path, write_part

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int, int], None]
"""Called after each piece with (pieces done, pieces in all, lines written so far)."""

_RUN_MINUTE_MS: Final = 20 * 60_000
"""Batches start at twenty past."""
_ENRICHING_MS: Final = 240_000
_PARTS_A_DAY: Final = 10_000
"""A part's number is (days between event and run) * 10000 + chunk, so that a day's files never depend on other days."""


@dataclass(frozen=True)
class GeneratorReport:
    """What was written."""

    sessions: int
    """Human sessions, those without ids included."""
    buyers: int
    events: int
    """Whole events, each counted once."""
    lines: int
    """All lines, with duplicates, conflicts and broken ones."""
    parts: int
    bytes: int
    kinds: dict[str, int] = field(default_factory=dict)
    """Whole events by kind."""
    mishaps: dict[str, int] = field(default_factory=dict)
    """Lines: duplicates, conflicts, late, late_beyond, broken, clock_wrong. Sessions: bots, missing_ids, no_consent."""


@dataclass(frozen=True)
class _Piece:
    counts: Counter[str]
    kinds: Counter[str]
    mishaps: Counter[str]
    truth: bytes


def generate(out: Path, spec: GeneratorSpec, progress: Progress | None = None, workers: int = 1) -> GeneratorReport:
    """Write the days of a spec: `run=YYYY-MM-DD-HH-MM-SS/part-NNNNN.gz` and, beside them, `_truth/date=D.csv.gz`.

    The events of a day are the same whichever other days are generated, and the same spec gives the same bytes. A run's
    folder holds what was collected since the run before; late events stand in later runs.

    Args:
        out: the landing folder; new, empty, or holding events of the same shop (then days are added or replaced).
        spec: what to generate.
        progress: told of each finished piece.
        workers: processes; the result does not depend on it.

    Raises:
        InputError: `out` holds other events.
    """
    _claim(out, spec)
    days = [spec.start + timedelta(days=d) for d in range(spec.days)]
    places = [(out, spec, day, chunk) for day in days for chunk in range(spec.chunks)]
    counts, kinds, mishaps = Counter[str](), Counter[str](), Counter[str]()
    for done, (place, piece) in enumerate(zip(places, _pieces(places, workers), strict=True), 1):
        _add_truth(out, place[2], place[3], piece.truth)
        counts += piece.counts
        kinds += piece.kinds
        mishaps += piece.mishaps
        if progress:
            progress(done, len(places), counts["lines"])
    names = ("sessions", "buyers", "events", "lines", "parts", "bytes")
    return GeneratorReport(**{name: counts[name] for name in names}, kinds=dict(kinds), mishaps=dict(mishaps))


def _pieces(places: list[tuple[Path, GeneratorSpec, date, int]], workers: int) -> Iterator[_Piece]:
    if workers <= 1:
        yield from map(_generate_piece, places)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_generate_piece, places)


def _claim(out: Path, spec: GeneratorSpec) -> None:
    """Refuse a folder that holds other events: two shops in one landing folder would be one data set to a reader."""
    mark = out / FOLDER / "spec.json"
    mine = spec.model_dump(mode="json", exclude={"start", "days"})
    if mark.is_file():
        found = json.loads(mark.read_text())
        differing = sorted(key for key in mine if found.get(key) != mine[key])
    else:
        differing = ["events from elsewhere"] if any(out.glob("run=*")) else []
    if differing:
        raise InputError(
            f"landing folder {out}",
            found=f"events of another shop (different: {', '.join(differing)})",
            expected="a new or empty folder, or one with events of the same spec",
            fix="Name another folder, or delete this one.",
        )
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(mine, indent=1) + "\n")


def _generate_piece(place: tuple[Path, GeneratorSpec, date, int]) -> _Piece:
    out, spec, day, number = place
    rng = spec.rng("piece", day.toordinal(), number)
    shop, people = make_catalogue(spec), visits_of(spec, day, number)
    shopping = go_shopping(rng, shop, people)
    chance = chance_to_buy(shop, people, shopping.clicks, spec.buyers)
    bought, clicks, orders = toss(rng, spec, chance, shopping)
    bots, crawl = robots(rng, spec, shop, people)
    visits, clicks = people.followed_by(bots), in_order([clicks, crawl])
    chunk = Chunk(shop, visits, clicks, orders, events_of(rng, visits, clicks, orders))
    lines, mishaps = deliver(rng, spec, visits, clicks.session[chunk.events.click], chunk.events)
    mishaps |= {
        "bots": len(bots),
        "missing_ids": int(people.anonymous.sum()),
        "no_consent": int((~people.consent).sum()),
    }
    parts, size = _write_runs(out, spec, day, number, rng, chunk, lines)
    counts = {
        "sessions": len(people),
        "buyers": int(bought.sum()),
        "events": len(chunk.events),
        "lines": len(lines),
        "parts": parts,
        "bytes": size,
    }
    known = ~people.anonymous
    truth = Truth(session_ids(people.take(known)), chance[known], bought[known])
    names = Counter(
        dict(zip(timeline.NAMES, np.bincount(chunk.events.kind, minlength=len(timeline.NAMES)).tolist(), strict=True))
    )
    return _Piece(Counter(counts), names, Counter(mishaps), gzip_bytes(truth.csv(day).encode()))


def _write_runs(
    out: Path, spec: GeneratorSpec, day: date, number: int, rng: np.random.Generator, chunk: Chunk, lines: Lines
) -> tuple[int, int]:
    """Write the lines into the runs that enriched them; returns the numbers of parts and of bytes."""
    period = DAY_MS // spec.runs_per_day
    lines = lines.take(np.argsort(lines.collector_ms, kind="stable"))
    run = (lines.collector_ms - _RUN_MINUTE_MS) // period + 1
    run_ms = run * period + _RUN_MINUTE_MS
    share = (lines.collector_ms - (run_ms - period)) / period
    text = render(rng, chunk, lines, run_ms + (share * _ENRICHING_MS).astype(np.int64))
    offsets = np.frombuffer(text.buffers()[1], dtype=np.int32)[: len(lines) + 1]
    bounds = np.append(np.flatnonzero(np.append(True, run[1:] != run[:-1])), len(lines))
    size = 0
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        when = datetime.fromtimestamp(run_ms[first] / 1000, UTC)
        part = (when.date() - day).days * _PARTS_A_DAY + number
        body = _body(rng, text.buffers()[2], offsets[first : last + 1], lines.broken[first:last])
        size += write_part(part_path(out, when, part), body)
    return len(bounds) - 1, size


def _body(
    rng: np.random.Generator, data: Any, offsets: npt.NDArray[np.int32], broken: npt.NDArray[np.bool_]
) -> Iterator[Any]:
    """The bytes of neighbouring lines, the broken ones damaged."""
    at = int(offsets[0])
    for row in np.flatnonzero(broken).tolist():
        begin, end = int(offsets[row]), int(offsets[row + 1])
        yield data[at:begin]
        yield damage(rng, data[begin : end - 1].to_pybytes()).replace(b"\n", b" ") + b"\n"
        at = end
    yield data[at : int(offsets[-1])]


def _add_truth(out: Path, day: date, chunk: int, rows: bytes) -> None:
    """Append one chunk's rows; gzip members may follow one another in a file."""
    path = truth_path(out / FOLDER, day)
    if chunk == 0:
        path.write_bytes(gzip_bytes((",".join(HEADER) + "\n").encode()) + rows)
        return
    with path.open("ab") as file:
        file.write(rows)
