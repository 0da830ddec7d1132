"""RetailRocket's public shop log as Snowplow events, `events.csv`.

    timestamp,visitorid,event,itemid,transactionid
    1433221332117,257597,view,355908,
    1433222276276,599528,transaction,356475,4000

Timestamps are milliseconds since 1970, events `view`, `addtocart` or `transaction`; the lines are not sorted. The
data set has visitors but no sessions: like a tracker, the importer ends a session after 30 minutes without an event. It
contains no prices and, in this file, no categories.
Source: https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from leapline.importers.rows import (
    ImportReport,
    Kind,
    Log,
    MalformedLine,
    Row,
    Source,
    expect_header,
    import_logs,
    open_lines,
    text_of_line,
    whole_number,
)
from leapline.snowplow.batches import claim

COLUMNS: Final = ("timestamp", "visitorid", "event", "itemid", "transactionid")
SOURCE: Final = Source(
    name="retailrocket",
    currency="XXX",
    note="Public data set by RetailRocket, for research; its ids are pseudonyms and nobody's consent is known.",
)
GAP_MS: Final = 30 * 60_000
_KINDS: Final[dict[str, Kind]] = {"view": "view", "addtocart": "add", "transaction": "purchase"}
_LATEST_MS: Final = 4_102_444_800_000
"""The year 2100; a later value is not a timestamp in milliseconds."""
_LARGEST: Final = 2**63 - 1

Ints = npt.NDArray[np.int64]


def import_retailrocket(csv: Path, out: Path) -> ImportReport:
    """Turn RetailRocket's events into Snowplow enriched events in the landing layout.

    A view becomes a `product_view` action, addtocart a cart action, a transaction an order of one item. The file is
    read twice: first for the times of each visitor, which determine the sessions (16 bytes per line in memory).

    Args:
        csv: `events.csv`, with its header; malformed lines are counted and reported.
        out: the landing folder: new, empty, or with an import of the same file.

    Raises:
        InputError: a missing file, a different header, no usable line, or `out` contains other events.
        StorageError: `out` cannot be written, or no space is left.
    """
    starts = iter(session_starts(*_visitor_times(_lines(csv))))
    claim(out, {"source": SOURCE.name, "file": csv.name})

    def in_session(line: str) -> Row:
        row = parse(line)
        return row._replace(session=f"{row.visitor}-{next(starts)}")

    return import_logs([Log(_lines(csv), in_session)], out, SOURCE)


def parse(line: str) -> Row:
    """Parse one line, without its session.

    Raises:
        MalformedLine: the line is not in the expected form.
    """
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        raise MalformedLine(f"{len(cells)} columns instead of {len(COLUMNS)}")
    when, visitor, event, item, _ = cells
    if event not in _KINDS:
        raise MalformedLine(f"unknown event {event[:40]!r}")
    at, who = whole_number("timestamp", when), whole_number("visitorid", visitor)
    whole_number("itemid", item)
    if at > _LATEST_MS or who > _LARGEST:
        raise MalformedLine(f"timestamp {when[:40]!r}" if at > _LATEST_MS else f"visitorid {visitor[:40]!r}")
    return Row(at, _KINDS[event], visitor, "", item, "", None)


def session_starts(visitor: Ints, at_ms: Ints) -> Ints:
    """Return the start of each event's session, in the order of the given events.

    Args:
        visitor: visitor ids, shape (n,).
        at_ms: times in milliseconds since 1970, shape (n,).
    """
    order = np.lexsort((at_ms, visitor))
    who, when = visitor[order], at_ms[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (who[1:] != who[:-1]) | (when[1:] - when[:-1] > GAP_MS)
    starts = np.empty(len(order), dtype=np.int64)
    starts[order] = when[begins][np.cumsum(begins) - 1]
    return starts


def _lines(csv: Path) -> Iterator[tuple[int, bytes]]:
    lines = open_lines(csv, "RetailRocket")
    expect_header(lines, csv, "RetailRocket", COLUMNS)
    return lines


def _visitor_times(lines: Iterator[tuple[int, bytes]]) -> tuple[Ints, Ints]:
    """Return visitor and time of each usable line."""

    def usable() -> Iterator[int]:
        for _, raw in lines:
            try:
                row = parse(text_of_line(raw))
            except MalformedLine:
                continue
            yield int(row.visitor)
            yield row.at_ms

    both = np.fromiter(usable(), dtype=np.int64)
    return both[::2], both[1::2]
