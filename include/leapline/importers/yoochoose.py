"""The RecSys Challenge 2015's two files as Snowplow events, `yoochoose-clicks.dat` and `yoochoose-buys.dat`.

    clicks: session,timestamp,item,category            1,2014-04-07T10:51:09.277Z,214536502,0
    buys:   session,timestamp,item,price,quantity      420374,2014-04-06T18:44:58.314Z,214537888,12462,1

Neither has a header. A category is "S" (a special offer), "0" (unknown), 1 to 12 (a department) or a longer number (a
brand); all but "0" are kept unchanged. A price or quantity of 0 is unknown. The data set has no visitors, so each
session counts as its own visitor, and no currency.
Source: https://recsys.acm.org/recsys15/challenge/.
"""

from datetime import datetime
from pathlib import Path
from typing import Final

from leapline.importers.rows import (
    ImportReport,
    Log,
    MalformedLine,
    Row,
    Source,
    import_logs,
    open_lines,
    whole_number,
)
from leapline.snowplow.batches import claim

SOURCE: Final = Source(
    name="yoochoose",
    currency="XXX",
    note="Public data set of the RecSys Challenge 2015; its ids are pseudonyms and nobody's consent is known.",
)
_UNKNOWN: Final = "0"
_SPECIAL: Final = "S"
_MAX_PRICE: Final = 9_999_999
"""The highest price that Snowplow's schema allows."""


def import_yoochoose(clicks: Path, buys: Path, out: Path) -> ImportReport:
    """Turn the challenge's files into Snowplow enriched events in the landing layout.

    A click becomes a `product_view` action, a buy a transaction with one item. The events carry a GDPR context,
    with a note that this is public data.

    Args:
        clicks: the clicks; malformed lines are counted and reported.
        buys: the purchases.
        out: the landing folder: new, empty, or with an import of the same files.

    Raises:
        InputError: a missing file, no usable line, or `out` contains other events.
        StorageError: `out` cannot be written, or no space is left.
    """
    logs = [
        Log(open_lines(clicks, "YooChoose clicks"), parse_click, "clicks"),
        Log(open_lines(buys, "YooChoose buys"), parse_buy, "buys"),
    ]
    for path in (clicks, buys):
        # A missing file is reported before the first event is written.
        next(open_lines(path, "YooChoose"), None)
    claim(out, {"source": SOURCE.name, "file": f"{clicks.name}, {buys.name}"})
    return import_logs(logs, out, SOURCE)


def parse_click(line: str) -> Row:
    """Parse one line of the clicks.

    Raises:
        MalformedLine: the line is not in the expected form.
    """
    session, when, item, category = _cells(line, 4)
    if category != _SPECIAL:
        whole_number("category", category)
    return Row(_time(when), "view", session, session, item, "" if category == _UNKNOWN else category, None)


def parse_buy(line: str) -> Row:
    """Parse one line of the buys.

    Raises:
        MalformedLine: the line is not in the expected form.
    """
    session, when, item, price, quantity = _cells(line, 5)
    cost, pieces = whole_number("price", price), whole_number("quantity", quantity)
    if cost > _MAX_PRICE:
        raise MalformedLine(f"price {price!r}")
    return Row(_time(when), "purchase", session, session, item, "", cost * 100 or None, quantity=pieces or 1)


def _cells(line: str, columns: int) -> list[str]:
    cells = line.split(",")
    if len(cells) != columns:
        raise MalformedLine(f"{len(cells)} columns instead of {columns}")
    whole_number("session", cells[0])
    whole_number("item", cells[2])
    return cells


def _time(text: str) -> int:
    try:
        at = datetime.fromisoformat(text.removesuffix("Z") + "+00:00")
    except ValueError as exc:
        raise MalformedLine(f"timestamp {text[:40]!r}") from exc
    return round(at.timestamp() * 1000)
