"""REES46's public shop logs ("eCommerce behavior data from multi category store"): one CSV per month.

    event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
    2019-10-01 00:00:00 UTC,view,3900821,2053013552326770905,appliances.kitchen.kettle,aqua,33.20,554748717,9333dfbd-...

`category_code` and `brand` may be empty (then the category is its id), as may the price.
Source: https://rees46.com/en/datasets.
"""

from datetime import datetime
from pathlib import Path
from typing import Final

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
)
from leapline.snowplow.batches import claim

COLUMNS: Final = ("event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id",
                  "user_session")  # fmt: skip
SOURCE: Final = Source(
    name="rees46",
    currency="USD",
    note="Public data set by REES46, published for research; its ids are pseudonyms and nobody's consent is known.",
)
_KINDS: Final[dict[str, Kind]] = {"view": "view", "cart": "add", "remove_from_cart": "remove", "purchase": "purchase"}
_MAX_PRICE: Final = 9_999_999
"""The highest price that Snowplow's schema allows."""


def import_rees46(csv: Path, out: Path) -> ImportReport:
    """Turn a REES46 CSV into Snowplow enriched events in the landing layout.

    A view becomes a `product_view` action, cart and remove_from_cart become cart actions, a purchase becomes a
    transaction with one item. The events carry a GDPR context, with a note that this is public data. User and session
    ids are passed on as `domain_userid` and `domain_sessionid`.

    Args:
        csv: the file, with its header; a truncated last line and other malformed lines are counted and reported.
        out: the landing folder: new, empty, or with an import of the same file.

    Raises:
        InputError: a missing file, a different header, no usable line, or `out` contains other events.
        StorageError: `out` cannot be written, or no space is left.
    """
    lines = open_lines(csv, "REES46")
    expect_header(lines, csv, "REES46", COLUMNS)
    claim(out, {"source": SOURCE.name, "file": csv.name})
    return import_logs([Log(lines, parse)], out, SOURCE)


def parse(line: str) -> Row:
    """Parse one line.

    Raises:
        MalformedLine: the line is not in the expected form.
    """
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        raise MalformedLine(f"{len(cells)} columns instead of {len(COLUMNS)}")
    when, kind, item, category, code, brand, price, user, session = cells
    if kind not in _KINDS:
        raise MalformedLine(f"unknown event_type {kind!r}")
    for name, value in (("product_id", item), ("user_id", user), ("user_session", session)):
        if not value:
            raise MalformedLine(f"no {name}")
    return Row(_time(when), _KINDS[kind], user, session, item, code or category, _cents(price), brand=brand or None)


def _time(text: str) -> int:
    try:
        at = datetime.fromisoformat(text.removesuffix(" UTC") + "+00:00")
    except ValueError as exc:
        raise MalformedLine(f"event_time {text!r}") from exc
    return round(at.timestamp() * 1000)


def _cents(text: str) -> int | None:
    if not text:
        return None
    try:
        price = float(text)
    except ValueError as exc:
        raise MalformedLine(f"price {text!r}") from exc
    if not 0 <= price <= _MAX_PRICE:
        raise MalformedLine(f"price {text!r}")
    return round(price * 100)
