"""Landing events as Snowplow does: lines of 131 tab-separated columns in gzip parts under `run=YYYY-MM-DD-HH-MM-SS/`.

Used by whatever makes events: the generator and the importers. Source: Snowplow's canonical event and batch layout
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
"""In a landing folder that Leapline filled: what its events are."""

DAY_MS: Final = 86_400_000
_RUN_MINUTE_MS: Final = 20 * 60_000
"""Batches start at twenty past."""
_ENRICHING_MS: Final = 240_000
_GZIP_LEVEL: Final = 1


def firsts(groups: Ints) -> npt.NDArray[np.bool_]:
    """True where a new group of equal neighbours begins."""
    return np.append(True, groups[1:] != groups[:-1])[: len(groups)]


def runs_of(collector_ms: Ints, runs_per_day: int) -> tuple[Ints, Ints]:
    """For events received at these times: the start of the batch that enriches each, and when it has its turn in it.

    A batch takes what was collected since the batch before. Milliseconds since 1970.
    """
    period = DAY_MS // runs_per_day
    run = (collector_ms - _RUN_MINUTE_MS) // period + 1
    run_ms = run * period + _RUN_MINUTE_MS
    turn = (collector_ms - (run_ms - period)) * _ENRICHING_MS // period
    return run_ms, run_ms + turn


def write_runs(
    landing: Path, run_ms: Ints, part: Callable[[datetime], int], body: Callable[[int, int], Iterable[Any]]
) -> list[Path]:
    """Write lines into the folders of their runs, one part a run.

    Args:
        landing: the landing folder.
        run_ms: for each line, the start of its run; ascending.
        part: the part's number in a run of that time.
        body: the text of the lines first..last-1, as bytes-like pieces, line ends included.

    Returns:
        The parts.
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
    """The bytes of the lines first..last-1 of a pyarrow string array, not copied."""
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int32)
    return lines.buffers()[2][int(offsets[first]) : int(offsets[last])]


def gzip_bytes(pieces: Iterable[Any]) -> bytes:
    """One gzip member of all pieces; without name and time, so the same text gives the same bytes."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return b"".join([*map(packer.compress, pieces), packer.flush()])


def claim(landing: Path, source: Mapping[str, Any]) -> None:
    """Mark a landing folder as holding the events of one source; two in one folder would be one data set to a reader.

    Args:
        source: what the events are, as plain JSON values.

    Raises:
        InputError: the folder holds events of another source.
    """
    mark = landing / SOURCE_MARK
    found = json.loads(mark.read_text()) if mark.is_file() else {}
    if found != source and (found or any(landing.glob("run=*"))):
        differing = [
            f"{key} {found.get(key)!r} instead of {value!r}" for key, value in source.items() if found.get(key) != value
        ]
        raise InputError(
            f"landing folder {landing}",
            found=f"events of another source ({', '.join(differing[:3])})" if found else "events from elsewhere",
            expected="a new or empty folder, or one with events of the same source",
            fix="Name another folder, or delete this one.",
        )
    write_bytes(mark, (json.dumps(source, indent=1) + "\n").encode())
