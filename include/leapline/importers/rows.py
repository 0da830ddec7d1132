"""Shared by all importers of public click data: rows of a shop's log in, landed Snowplow events out.

An importer parses its file format into `Row`s; this module turns them into product views, cart actions and orders,
batch by batch, so that a file of any size is read in constant memory. Malformed lines are counted and reported, never
fatal.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from leapline.errors import InputError
from leapline.snowplow import self_describing as sd
from leapline.snowplow.batches import runs_of, text_of, write_runs
from leapline.snowplow.tsv import LINE_END, SPAN, join_fields, timestamps, uuids

Kind = Literal["view", "add", "remove", "purchase"]

BATCH_ROWS: Final = 100_000
FIRST_MALFORMED: Final = 5
_ACTION: Final[dict[str, str]] = {"view": "product_view", "add": "add_to_cart", "remove": "remove_from_cart"}
_ORDER_PAGE: Final = "/thanks"


class Row(NamedTuple):
    """One line of a shop's log."""

    at_ms: int
    """Milliseconds since 1970, UTC."""
    kind: Kind
    visitor: str
    session: str
    item: str
    category: str
    cents: int | None
    """Unit price; None if the source does not contain it."""
    quantity: int = 1
    brand: str | None = None


class MalformedLine(ValueError):  # noqa: N818 (caught in this module; callers of an importer see LeaplineErrors)
    """A line that is not in the expected form; counted, and the first few are reported."""


@dataclass(frozen=True)
class ImportReport:
    """The number of rows read and events written."""

    rows: int
    """Usable lines, without the header."""
    events: int
    """Snowplow lines written; a purchase produces two, the order and its item."""
    sessions: int
    parts: int
    malformed: int
    kinds: dict[str, int] = field(default_factory=dict)
    """Rows by kind: view, add, remove, purchase."""
    days: dict[str, int] = field(default_factory=dict)
    """Rows by day (UTC), the day as YYYY-MM-DD."""
    first_malformed: tuple[tuple[int, str], ...] = ()
    """Line number (the file's first line is 1) and problem of the first malformed lines."""


@dataclass(frozen=True)
class Source:
    """A public data set: its name, its currency, and the note in each event's consent context."""

    name: str
    currency: str
    note: str


class Log(NamedTuple):
    """The lines of one file, and the function that parses one."""

    lines: Iterator[tuple[int, bytes]]
    """Numbered lines, after the header."""
    parse: Callable[[str], Row]
    name: str = ""
    """Distinguishes it from the data set's other files; "" if there is only one."""


class _RowReader:
    """Reads rows, and counts the lines that cannot be parsed."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self.logs = logs
        self.malformed = 0
        self.first: list[tuple[int, str]] = []

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield each row with a unique name of its line."""
        for log in self.logs:
            for number, raw in log.lines:
                try:
                    yield f"{log.name}{number}", log.parse(text_of_line(raw))
                except MalformedLine as exc:
                    self.malformed += 1
                    if len(self.first) < FIRST_MALFORMED:
                        self.first.append((number, f"{log.name}: {exc}" if log.name else str(exc)))


def text_of_line(raw: bytes) -> str:
    """Decode a line.

    Raises:
        MalformedLine: not UTF-8, or with a character that separates Snowplow's fields.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as exc:
        raise MalformedLine(f"not UTF-8 at byte {exc.start}") from exc
    if "\t" in text or "\0" in text:
        raise MalformedLine("contains a tab or NUL")
    return text


def open_lines(path: Path, what: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file with their numbers from 1, without line ends.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                yield number, raw.rstrip(b"\r\n")
    except OSError as exc:
        raise InputError(
            f"{what} file {path}",
            found=exc.strerror or str(exc),
            expected="a readable file",
            fix="Correct the path, or download the data set first.",
        ) from exc


def import_logs(logs: Sequence[Log], out: Path, source: Source) -> ImportReport:
    """Write all rows of a data set's files as Snowplow events into a landing folder.

    Args:
        logs: the files, one after another.
        out: the landing folder, already claimed.
        source: the data set.

    Raises:
        InputError: there is no usable line.
    """
    reading = _RowReader(logs)
    rows, kinds, days, sessions = reading.rows(), Counter[str](), Counter[str](), set[bytes]()
    events = 0
    parts: list[Path] = []
    while batch := list(islice(rows, BATCH_ROWS)):
        kinds.update(row.kind for _, row in batch)
        days.update(str(np.datetime64(row.at_ms, "ms"))[:10] for _, row in batch)
        sessions.update(_digest(row.session) for _, row in batch)
        landed, paths = _land(batch, out, len(parts), source)
        events += landed
        parts += paths
    if not kinds:
        raise InputError(
            f"{source.name} import",
            found=f"no usable line, {reading.malformed} malformed {reading.first}",
            expected="at least one event",
            fix="Check the files; the data set has one event per line.",
        )
    return ImportReport(
        rows=kinds.total(),
        events=events,
        sessions=len(sessions),
        parts=len(parts),
        malformed=reading.malformed,
        kinds=dict(kinds),
        days=dict(sorted(days.items())),
        first_malformed=tuple(reading.first),
    )


def _land(batch: list[tuple[str, Row]], out: Path, first_part: int, source: Source) -> tuple[int, list[Path]]:
    """Write one batch; return the number of lines and the part files."""
    lines = [(line, row, form) for line, row in batch for form in _forms(row)]
    lines.sort(key=lambda entry: entry[1].at_ms)
    at_ms = np.array([row.at_ms for _, row, _ in lines], dtype=np.int64)
    run_ms, etl_ms = runs_of(at_ms, runs_per_day=1)
    when = timestamps(at_ms)
    ids = np.frombuffer(
        b"".join(_digest(f"{source.name} {line} {form}") for line, _, form in lines), dtype=np.uint8
    ).reshape(-1, 16)
    text = join_fields(
        {
            f"app_id{SPAN}platform": f"{source.name}\tweb",
            "etl_tstamp": timestamps(etl_ms),
            "collector_tstamp": when,
            "dvce_created_tstamp": when,
            "event_id": uuids(ids),
            f"v_collector{SPAN}v_etl": f"import-{source.name}\timport-{source.name}",
            "derived_tstamp": when,
            **_columns([(row, form) for _, row, form in lines], source),
            **LINE_END,
        }
    )
    paths = write_runs(out, run_ms, lambda _: first_part, lambda first, last: [text_of(text, first, last)])
    return len(lines), paths


def _forms(row: Row) -> tuple[str, ...]:
    return ("transaction", "transaction_item") if row.kind == "purchase" else ("action",)


def _columns(lines: list[tuple[Row, str]], source: Source) -> dict[str, Any]:
    consent = sd.entity(sd.CONSENT, basisForProcessing="consent", documentDescription=source.note)
    cells = [_cells(row, form, consent, source.currency) for row, form in lines]
    return {name: pa.array([cell.get(name, "") for cell in cells]) for name in sorted({n for c in cells for n in c})}


def _cells(row: Row, form: str, consent: str, currency: str) -> dict[str, str]:
    """Return the columns that differ from row to row."""
    event, vendor, name, how, version = sd.EVENT_COLUMNS[form]
    cells = {
        "event": event,
        "event_vendor": vendor,
        "event_name": name,
        "event_format": how,
        "event_version": version,
        "domain_userid": row.visitor,
        "domain_sessionid": row.session,
        "page_urlpath": _ORDER_PAGE if row.kind == "purchase" else f"/p/{row.item}",
        "event_fingerprint": _digest(repr((row, form))).hex(),
        "contexts": sd.contexts(consent),
    }
    if form == "action":
        product = sd.product(row.item, row.category, row.cents, currency, quantity=row.quantity, brand=row.brand)
        return cells | {"unstruct_event": sd.action(_ACTION[row.kind]), "contexts": sd.contexts(consent, product)}
    order = _digest(f"{row.session} {row.at_ms} {row.item}").hex()
    if form == "transaction":
        total = "" if row.cents is None else f"{row.cents * row.quantity / 100:.2f}"
        return cells | {"tr_orderid": order, "tr_total": total, "tr_currency": currency}
    return cells | {
        "ti_orderid": order,
        "ti_sku": row.item,
        "ti_category": row.category,
        "ti_price": "" if row.cents is None else f"{row.cents / 100:.2f}",
        "ti_quantity": str(row.quantity),
        "ti_currency": currency,
    }


def expect_header(lines: Iterator[tuple[int, bytes]], csv: Path, name: str, columns: tuple[str, ...]) -> None:
    """Consume the header line of a CSV.

    Raises:
        InputError: the header is a different one.
    """
    _, header = next(lines, (1, b""))
    names = header.decode(errors="replace").removeprefix("\ufeff").split(",")
    if tuple(names) != columns:
        raise InputError(
            f"header of {csv}",
            found=f"{len(names)} columns: {', '.join(names)[:200]}" if header else "an empty file",
            expected=f"{name}'s {len(columns)}: {', '.join(columns)}",
            fix=f"Name a {name} CSV, unpacked and with its header line.",
        )


def whole_number(name: str, text: str) -> int:
    """Parse a non-negative whole number.

    Raises:
        MalformedLine: the text has other characters than digits.
    """
    if not (text.isascii() and text.isdigit()):
        raise MalformedLine(f"{name} {text[:40]!r}")
    return int(text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
