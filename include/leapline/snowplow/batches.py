"""Write enriched events as Snowplow does: tab-separated lines in gzip parts under `run=YYYY-MM-DD-HH-MM-SS/`.

Used by the generator and the importers. Source: Snowplow's canonical event and batch layout
(https://docs.snowplow.io/docs/fundamentals/canonical-event/).
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from leapline.errors import InputError
from leapline.storage import write_bytes

Ints = npt.NDArray[np.int64]

SOURCE_MARK: Final = "_source.json"
"""The file that describes the source of the events in a landing folder written by Leapline."""

DAY_MS: Final = 86_400_000
_RUN_MINUTE_MS: Final = 20 * 60_000
"""Batches start 20 minutes past the hour."""
_ENRICHING_MS: Final = 240_000
_GZIP_LEVEL: Final = 1


def firsts(groups: Ints) -> npt.NDArray[np.bool_]:
    """Return True where a new group of equal neighbours begins, shape (n,)."""
    return np.append(True, groups[1:] != groups[:-1])[: len(groups)]


def runs_of(collector_ms: Ints, runs_per_day: int) -> tuple[Ints, Ints]:
    """Return, per event, the start of the batch that enriches it and the time of its enrichment.

    A batch takes what was collected since the previous batch. All times are milliseconds since 1970, shape (events,).
    """
    period = DAY_MS // runs_per_day
    run = (collector_ms - _RUN_MINUTE_MS) // period + 1
    run_ms = run * period + _RUN_MINUTE_MS
    turn = (collector_ms - (run_ms - period)) * _ENRICHING_MS // period
    return run_ms, run_ms + turn


def write_runs(
    landing: Path, run_ms: Ints, part: Callable[[datetime], int], body: Callable[[int, int], Iterable[Any]]
) -> list[Path]:
    """Write lines into the folders of their runs, one part file per run.

    Args:
        landing: the landing folder.
        run_ms: the start of each line's run, ascending, shape (lines,).
        part: maps a run's time to the number of its part.
        body: maps (first, last) to the text of the lines first..last-1, as bytes-like pieces with line ends.

    Returns:
        The paths of the part files.
    """
    bounds = np.append(np.flatnonzero(firsts(run_ms)), len(run_ms)).tolist()
    written = []
    for first, last in pairwise(bounds):
        when = datetime.fromtimestamp(int(run_ms[first]) / 1000, UTC)
        path = landing / f"run={when:%Y-%m-%d-%H-%M-%S}" / f"part-{part(when):05d}.gz"
        write_bytes(path, gzip_bytes(body(first, last)))
        written.append(path)
    return written


def text_of(lines: Any, first: int, last: int) -> Any:
    """Return the bytes of the lines first..last-1 of a pyarrow string array, without a copy."""
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)
    return lines.buffers()[2][int(offsets[first]) : int(offsets[last])]


def gzip_bytes(pieces: Iterable[Any]) -> bytes:
    """Compress all pieces into one gzip member without name and time: the same text has the same bytes."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def claim(landing: Path, source: Mapping[str, Any]) -> None:
    """Record the source of a landing folder's events; two sources in one folder would be read as one data set.

    Args:
        source: description of the source, as JSON values.

    Raises:
        InputError: the folder contains events of another source.
    """
    mark = landing / SOURCE_MARK
    existing = json.loads(mark.read_text()) if mark.is_file() else {}
    if existing != source and (existing or any(landing.glob("run=*"))):
        differing = [
            f"{key} {existing.get(key)!r} instead of {value!r}"
            for key, value in source.items()
            if existing.get(key) != value
        ]
        raise InputError(
            f"landing folder {landing}",
            found=f"events of another source ({', '.join(differing[:3])})"
            if existing
            else "events of an unknown source",
            expected="a new or empty folder, or one with events of the same source",
            fix="Name another folder, or delete this one.",
        )
    write_bytes(mark, (json.dumps(source, indent=1) + "\n").encode())
