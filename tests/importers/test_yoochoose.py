"""Import of the RecSys Challenge 2015 files."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.errors import InputError
from leapline.importers.rows import ImportReport, MalformedLine
from leapline.importers.yoochoose import import_yoochoose, parse_buy, parse_click
from tests.importers.test_rees46 import entities, events_in

CLICK = "1,2014-04-07T10:51:09.277Z,214536502,0"
OFFER = "2,2014-04-07T13:56:37.614Z,9643078800123,S"
SHELF = "2,2014-04-07T13:57:06.670Z,214662742,12"
BRAND = "2,2014-04-07T13:58:59.999Z,214662742,2089046700"
BUY = "2,2014-04-07T14:00:00.000Z,214662742,12462,2"
UNKNOWN = "2,2014-04-07T14:00:00.000Z,9643078800123,0,0"


def imported(folder: Path, clicks: list[str], buys: list[str]) -> tuple[ImportReport, list[dict[str, str]]]:
    paths = folder / "yoochoose-clicks.dat", folder / "yoochoose-buys.dat"
    for path, lines in zip(paths, (clicks, buys), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    report = import_yoochoose(*paths, folder / "landing")
    return report, events_in(folder / "landing")


def test_converts_each_kind_of_line(tmp_path: Path) -> None:
    report, events = imported(tmp_path, [CLICK, OFFER, SHELF, BRAND], [BUY, UNKNOWN])
    assert (report.rows, report.events, report.sessions, report.malformed) == (6, 8, 2, 0)
    assert report.kinds == {"view": 4, "purchase": 2}
    views = [e for e in events if e["event"] == "unstruct"]
    assert {json.loads(e["unstruct_event"])["data"]["data"]["type"] for e in views} == {"product_view"}
    products = [entities(e)["product"] for e in views]
    assert [p["id"] for p in products] == ["214536502", "9643078800123", "214662742", "214662742"]
    assert [p.get("category", "") for p in products] == ["", "S", "12", "2089046700"]
    assert views[0]["derived_tstamp"] == "2014-04-07 10:51:09.277"
    assert views[0]["domain_userid"] == views[0]["domain_sessionid"] == "1"
    items = {e["ti_sku"]: (e["ti_price"], e["ti_quantity"]) for e in events if e["event"] == "transaction_item"}
    assert items == {"214662742": ("12462.00", "2"), "9643078800123": ("", "1")}
    assert len({e["event_id"] for e in events}) == len(events)


def test_malformed_lines_of_both_files_are_reported(tmp_path: Path) -> None:
    clicks = [CLICK, f"{CLICK},1", CLICK.replace(",0", ",X"), CLICK.replace("2014-04", "2014-14")]
    buys = [BUY, CLICK, BUY.replace("12462", "-1")]
    report, _ = imported(tmp_path, clicks, buys)
    assert (report.rows, report.malformed) == (2, 5)
    assert report.first_malformed == (
        (2, "clicks: 5 columns instead of 4"),
        (3, "clicks: category 'X'"),
        (4, "clicks: timestamp '2014-14-07T10:51:09.277Z'"),
        (2, "buys: 4 columns instead of 5"),
        (3, "buys: price '-1'"),
    )


@given(st.text(max_size=80))
def test_any_line_is_either_parsed_or_malformed(line: str) -> None:
    for parse in (parse_click, parse_buy):
        with contextlib.suppress(MalformedLine):
            assert parse(line).item


def test_rejects_unusable_files(tmp_path: Path) -> None:
    (tmp_path / "clicks").write_text(f"{CLICK}\n")
    with pytest.raises(InputError, match=r"nowhere: found No such file"):
        import_yoochoose(tmp_path / "clicks", tmp_path / "nowhere", tmp_path / "landing")
    assert not (tmp_path / "landing").exists()
    with pytest.raises(InputError, match="no usable line, 1 malformed"):
        imported(tmp_path, ["nonsense"], [])
