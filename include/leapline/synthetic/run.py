"""Generate days of events into a landing folder."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from leapline.snowplow.batches import claim, runs_of, write_runs
from leapline.synthetic.behaviour import go_shopping, in_order
from leapline.synthetic.breakage import with_damage
from leapline.synthetic.catalogue import make_catalogue
from leapline.synthetic.delivery import deliver
from leapline.synthetic.event_columns import Chunk
from leapline.synthetic.outcome import bot_sessions, draw_outcomes
from leapline.synthetic.purchase_probability import purchase_probability
from leapline.synthetic.render import Renderer
from leapline.synthetic.session_columns import session_ids
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.timeline import NAMES, events_of
from leapline.synthetic.truth import Truth, add_truth
from leapline.synthetic.visitors import visits_of

Progress = Callable[[int, int, int], None]
"""Called after each piece with (finished pieces, total pieces, lines written so far)."""
Place = tuple[Path, GeneratorSpec, date, int]

_PARTS_PER_DAY: Final = 10_000
"""A part's number is (days between event and run) * 10000 + chunk, so that a day's files never depend on other days."""


@dataclass(frozen=True)
class GeneratorReport:
    """Counts of the generated data."""

    sessions: int
    """Human sessions, including those without ids."""
    buyers: int
    events: int
    """Intact events, each counted once."""
    lines: int
    """All lines, including duplicates, conflicts and broken ones."""
    parts: int
    bytes: int
    kinds: dict[str, int] = field(default_factory=dict)
    """Intact events by kind."""
    mishaps: dict[str, int] = field(default_factory=dict)
    """Lines: duplicates, conflicts, late, late_beyond, broken, clock_wrong. Sessions: bots, missing_ids, no_consent."""


@dataclass(frozen=True)
class _Piece:
    counts: Counter[str]
    kinds: Counter[str]
    mishaps: Counter[str]
    truth: Truth


def generate(out: Path, spec: GeneratorSpec, progress: Progress | None = None, workers: int = 1) -> GeneratorReport:
    """Write the days of a spec as `run=YYYY-MM-DD-HH-MM-SS/part-NNNNN.gz`, and `_truth/date=D.csv.gz` next to them.

    The events of a day do not depend on which other days are generated, and the same spec produces the same bytes. A
    run's folder contains what was collected since the previous run; late events are in later runs.

    Args:
        out: the landing folder; new, empty, or holding events of the same shop (then days are added or replaced).
        spec: what to generate.
        progress: called after each finished piece.
        workers: processes; the result does not depend on it.

    Raises:
        InputError: `out` holds other events.
        StorageError: `out` cannot be written, or no space is left.
    """
    claim(out, {"source": "generator", **spec.identity()})
    days = [spec.start + timedelta(days=d) for d in range(spec.days)]
    places = [(out, spec, day, chunk) for day in days for chunk in range(spec.chunks)]
    counts, kinds, mishaps = Counter[str](), Counter[str](dict.fromkeys(NAMES, 0)), Counter[str]()
    for done, (place, piece) in enumerate(zip(places, _pieces(places, workers), strict=True), 1):
        add_truth(out, place[2], piece.truth, first=place[3] == 0)
        counts.update(piece.counts)
        kinds.update(piece.kinds)
        mishaps.update(piece.mishaps)
        if progress:
            progress(done, len(places), counts["lines"])
    names = ("sessions", "buyers", "events", "lines", "parts", "bytes")
    return GeneratorReport(**{name: counts[name] for name in names}, kinds=dict(kinds), mishaps=dict(mishaps))


def _pieces(places: list[Place], workers: int) -> Iterator[_Piece]:
    if workers <= 1:
        yield from map(_generate_piece, places)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_generate_piece, places)


def _generate_piece(place: Place) -> _Piece:
    out, spec, day, number = place
    rng = spec.rng("piece", day.toordinal(), number)
    shop, people = make_catalogue(spec), visits_of(spec, day, number)
    if not len(people):
        return _Piece(Counter(), Counter(), Counter(), Truth([], np.zeros(0), np.zeros(0, dtype=bool)))
    shopping = go_shopping(rng, shop, people)
    probability = purchase_probability(spec, people, shopping.clicks)
    bought, clicks, orders = draw_outcomes(rng, spec, probability, shopping)
    bots, crawl = bot_sessions(rng, spec, shop, people)
    visits, clicks = people.followed_by(bots), in_order([clicks, crawl])
    chunk = Chunk(shop, visits, clicks, orders, events_of(rng, visits, clicks, orders))
    written, mishaps = _land(out, spec, day, number, rng, chunk)
    of_sessions = {"bots": len(bots), "missing_ids": people.anonymous.sum(), "no_consent": (~people.consent).sum()}
    by_kind = np.bincount(chunk.events.kind, minlength=len(NAMES)).tolist()
    identified = ~people.anonymous
    return _Piece(
        counts=Counter({"sessions": len(people), "buyers": int(bought.sum()), "events": len(chunk.events), **written}),
        kinds=Counter(dict(zip(NAMES, by_kind, strict=True))),
        mishaps=Counter(mishaps | {name: int(count) for name, count in of_sessions.items()}),
        truth=Truth(session_ids(people.take(identified)), probability[identified], bought[identified]),
    )


def _land(
    out: Path, spec: GeneratorSpec, day: date, number: int, rng: np.random.Generator, chunk: Chunk
) -> tuple[dict[str, int], dict[str, int]]:
    """Write a chunk's lines into the runs that enriched them; return the written sizes and the anomalies."""
    lines, mishaps = deliver(rng, spec, chunk.visits, chunk.clicks.session[chunk.events.click], chunk.events)
    lines = lines.take(np.argsort(lines.collector_ms, kind="stable"))
    run_ms, etl_ms = runs_of(lines.collector_ms, spec.runs_per_day)
    renderer = Renderer(rng, chunk, spec.wide_contexts)

    def body(first: int, last: int) -> Iterator[Any]:
        for begin, text in renderer.slices(lines, etl_ms, first, last):
            yield from with_damage(rng, text, lines.broken[begin : begin + len(text)])

    paths = write_runs(out, run_ms, lambda run: (run.date() - day).days * _PARTS_PER_DAY + number, body)
    return {"lines": len(lines), "parts": len(paths), "bytes": sum(path.stat().st_size for path in paths)}, mishaps
