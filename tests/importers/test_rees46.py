"""Import of REES46 shop logs."""

import gzip
import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leapline.errors import InputError
from leapline.importers.rees46 import COLUMNS, import_rees46
from leapline.importers.rows import ImportReport
from leapline.snowplow.enriched import FIELDS
from leapline.synthetic import GeneratorSpec, generate

HEADER = ",".join(COLUMNS)
VIEW = "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde"
CART = "2019-10-01 12:00:05 UTC,cart,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,5,s2"
BACK = "2019-10-01 12:00:09 UTC,remove_from_cart,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,5,s2"
SOLD = "2019-10-01 23:59:59 UTC,purchase,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,5,s2"
NO_PRICE = "2019-10-02 08:00:00 UTC,view,7,8,,,,9,s3"


def imported(folder: Path, *lines: str | bytes, end: bytes = b"\n") -> tuple[ImportReport, list[dict[str, str]]]:
    csv = folder / "log.csv"
    csv.write_bytes(b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines) + end)
    report = import_rees46(csv, folder / "landing")
    return report, events_in(folder / "landing")


def events_in(landing: Path) -> list[dict[str, str]]:
    events = []
    for path in sorted(landing.glob("run=*/part-*.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            cells = line.split("\t")
            assert len(cells) == len(FIELDS)
            events.append({"run": path.parent.name, **dict(zip(FIELDS, cells, strict=True))})
    return events


def entities(event: dict[str, str]) -> dict[str, dict[str, object]]:
    return {e["schema"].split("/")[1]: e["data"] for e in json.loads(event["contexts"])["data"]}


def test_converts_each_kind_of_row(tmp_path: Path) -> None:
    report, events = imported(tmp_path, HEADER, VIEW, CART, BACK, SOLD, NO_PRICE)
    assert (report.rows, report.events, report.sessions, report.malformed) == (5, 6, 3, 0)
    assert report.kinds == {"view": 2, "add": 1, "remove": 1, "purchase": 1}
    assert report.days == {"2019-10-01": 4, "2019-10-02": 1}
    actions = [json.loads(e["unstruct_event"])["data"]["data"]["type"] for e in events if e["event"] == "unstruct"]
    assert actions == ["product_view", "add_to_cart", "remove_from_cart", "product_view"]
    view, cart, _, order, item, unpriced = events
    assert view["collector_tstamp"] == view["derived_tstamp"] == "2019-10-01 00:00:00.000"
    assert (view["domain_userid"], view["domain_sessionid"]) == ("541312140", "72d76fde")
    assert (view["run"], cart["run"]) == ("run=2019-10-01-00-20-00", "run=2019-10-02-00-20-00")
    assert entities(view)["product"] == {
        "id": "44600062", "category": "2103807459595387724", "price": 35.79, "quantity": 1, "brand": "shiseido",
        "currency": "USD",
    }  # fmt: skip
    assert entities(cart)["product"]["category"] == "electronics.smartphone"
    assert (order["event"], order["tr_total"], order["tr_currency"]) == ("transaction", "130.76", "USD")
    assert (item["event"], item["ti_sku"], item["ti_price"], item["ti_quantity"]) == (
        "transaction_item", "1004856", "130.76", "1",
    )  # fmt: skip
    assert order["tr_orderid"] == item["ti_orderid"] and order["event_id"] != item["event_id"]
    assert "price" not in entities(unpriced)["product"]
    for event in events:
        assert entities(event)["gdpr"]["basisForProcessing"] == "consent"
        assert "Public data set" in str(entities(event)["gdpr"]["documentDescription"])


def test_identical_rows_become_two_events(tmp_path: Path) -> None:
    _, events = imported(tmp_path, HEADER, VIEW, VIEW)
    assert len({e["event_id"] for e in events}) == 2


def test_same_file_produces_same_bytes(tmp_path: Path) -> None:
    parts = []
    for _ in range(2):
        imported(tmp_path, HEADER, VIEW, CART, SOLD)
        parts.append({p.name: p.read_bytes() for p in (tmp_path / "landing").rglob("*.gz")})
    assert parts[0] == parts[1]


def test_malformed_lines_are_counted_and_the_first_are_reported(tmp_path: Path) -> None:
    bad: list[str | bytes] = [
        VIEW.replace("view", "glance"),
        VIEW + ",more",
        VIEW.replace("35.79", "cheap"),
        VIEW.replace("35.79", "-1"),
        VIEW.replace("2019-10-01", "2019-13-01"),
        VIEW.replace("541312140", ""),
        VIEW.replace("shiseido", "a\tb"),
        VIEW.encode().replace(b"shiseido", b"\xff\xfe"),
        "",
    ]
    report, events = imported(tmp_path, HEADER, VIEW, *bad, CART, CART[:40], end=b"")
    assert (report.rows, report.malformed, len(events)) == (2, len(bad) + 1, 2)
    assert report.first_malformed == (
        (3, "unknown event_type 'glance'"),
        (4, "10 columns instead of 9"),
        (5, "price 'cheap'"),
        (6, "price '-1'"),
        (7, "event_time '2019-13-01 00:00:00 UTC'"),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60).filter(lambda b: b"\n" not in b), st.sampled_from([VIEW.encode()]))))
def test_import_survives_any_line(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report, events = imported(Path(folder), HEADER, CART, *lines)
    assert report.rows + report.malformed == 1 + len(lines)
    assert len(events) == report.events


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header of .*: found an empty file"),
        (b"a,b\n1,2\n", r"found 2 columns: a, b; expected REES46's 9: event_time, event_type"),
        (b"\xff\xfe\x00\n", "found 1 columns"),
        (HEADER.encode() + b"\nnonsense\n", r"no usable line, 1 malformed \[\(2, '1 columns instead of 9'\)\]"),
    ],
)
def test_rejects_file_in_another_format(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        import_rees46(tmp_path / "x.csv", tmp_path / "landing")
    assert not list(tmp_path.glob("landing/run=*"))


def test_error_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: found No such file"):
        import_rees46(tmp_path / "nowhere.csv", tmp_path / "landing")


def test_rejects_import_into_a_folder_of_generated_events(tmp_path: Path) -> None:
    generate(tmp_path / "landing", GeneratorSpec(days=1, sessions_per_day=5))
    with pytest.raises(InputError, match="source 'generator' instead of 'rees46'"):
        imported(tmp_path, HEADER, VIEW)


def test_imports_the_real_file(shared: Path, tmp_path: Path) -> None:
    """Counted by hand: `grep -c ',view,'` 17056, `',cart,'` 165, `',purchase,'` 214; the last line, a view, is cut.

    Without it and the header, `cut -d, -f9 | sort -u | wc -l` gives 5066 sessions, 200 of the lines with ',purchase,'.
    """
    report = import_rees46(shared / "clicks" / "rees46-2019-10-01.csv", tmp_path)
    assert report.kinds == {"view": 17055, "add": 165, "purchase": 214}
    assert (report.rows, report.malformed, report.sessions) == (17434, 1, 5066)
    assert report.first_malformed == ((17436, "8 columns instead of 9"),)
    events = events_in(tmp_path)
    assert len(events) == report.events == 17055 + 165 + 2 * 214
    assert Counter(e["event"] for e in events) == {"unstruct": 17220, "transaction": 214, "transaction_item": 214}
    assert len({e["event_id"] for e in events}) == len(events)
    assert len({e["domain_sessionid"] for e in events if e["event"] == "transaction"}) == 200
