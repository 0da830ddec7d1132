"""Rendering of enriched events: columns, batches and part files."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leapline.errors import StorageError
from leapline.snowplow import self_describing as sd
from leapline.snowplow.batches import claim, firsts, runs_of, text_of, write_runs
from leapline.snowplow.enriched import FIELDS
from leapline.snowplow.tsv import LINE_END, SPAN, hex_strings, join_fields, timestamps, uuids


def test_columns_are_in_the_order_of_the_format() -> None:
    columns = {
        "platform": "web",
        "event_id": pa.array(["a", "b"]),
        f"page_url{SPAN}page_title": pa.array(["u\tt", "v\tw"]),
        **LINE_END,
    }
    for line, event, title in zip(join_fields(columns).to_pylist(), "ab", "tw", strict=True):
        assert line.endswith("\n")
        cells = dict(zip(FIELDS, line[:-1].split("\t"), strict=True))
        assert {k: v for k, v in cells.items() if v and k != "page_url"} == {
            "platform": "web", "event_id": event, "page_title": title,
        }  # fmt: skip


def test_constant_columns_are_joined_to_text() -> None:
    assert join_fields({"event_vendor": "v", "event_version": "1"}, "event_vendor", "event_version") == "v\t\t\t1"


@given(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=20))
def test_uuids_and_hex_strings_are_well_formed(raw: list[bytes]) -> None:
    bytes_ = np.frombuffer(b"".join(raw), dtype=np.uint8).reshape(-1, 16)
    assert hex_strings(bytes_).to_pylist() == [r.hex() for r in raw]
    assert uuids(bytes_).to_pylist() == [str(UUID(bytes=r, version=4)) for r in raw]


def test_timestamps_have_snowplow_format() -> None:
    assert timestamps(np.array([0, 1_772_410_031_078])).to_pylist() == [
        "1970-01-01 00:00:00.000",
        "2026-03-02 00:07:11.078",
    ]


@given(st.integers(0, 4 * 10**12), st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]))
def test_run_takes_events_collected_since_the_previous_run(at_ms: int, runs: int) -> None:
    run_ms, etl_ms = (int(x[0]) for x in runs_of(np.array([at_ms]), runs))
    assert 0 < run_ms - at_ms <= 86_400_000 // runs
    assert run_ms <= etl_ms < run_ms + 300_000


def test_parts_are_in_their_runs_and_contain_no_time(tmp_path: Path) -> None:
    day = datetime(2026, 3, 2, 0, 20, tzinfo=UTC)
    run_ms = np.array([round((day + timedelta(days=d)).timestamp() * 1000) for d in (0, 0, 1)])
    lines = pa.array(["a\n", "b\n", "c\n"])
    write = [
        write_runs(tmp_path / str(i), run_ms, lambda run: run.day, lambda a, b: [text_of(lines, a, b)])
        for i in range(2)
    ]
    names = ["run=2026-03-02-00-20-00/part-00002.gz", "run=2026-03-03-00-20-00/part-00003.gz"]
    assert [str(p.relative_to(tmp_path / "0")) for p in write[0]] == names
    assert [gzip.decompress(p.read_bytes()) for p in write[0]] == [b"a\nb\n", b"c\n"]
    assert [p.read_bytes() for p in write[0]] == [p.read_bytes() for p in write[1]]


def test_firsts_marks_the_start_of_each_group() -> None:
    assert firsts(np.array([3, 3, 1, 3])).tolist() == [True, False, True, True]
    assert firsts(np.array([], dtype=np.int64)).tolist() == []


def test_error_names_the_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a writable folder"):
        claim(tmp_path / "file", {"source": "x"})


def test_entities_are_compact_json_on_one_line() -> None:
    assert sd.product("7", "chairs", 1050, "EUR", quantity=2) == (
        '{"schema":"iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0",'
        '"data":{"id":"7","category":"chairs","price":10.5,"quantity":2,"currency":"EUR"}}'
    )
    assert sd.contexts() == ""
    assert sd.contexts(sd.consent_given()).startswith(
        '{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0"'
    )
