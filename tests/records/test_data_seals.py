"""Seals of data with tables, in a folder and in a bucket."""

from datetime import date
from pathlib import Path

import pytest

from leapline.errors import InputChangedError, NotInLakeError
from leapline.records import data_seals
from leapline.settings import Settings
from leapline.storage import Lake, LocalStore
from leapline.storage.attempt_files import copies_of
from leapline.storage.factory import store_at
from leapline.storage.seal import SEAL, changed_part, seal_digest, write_data_seal

DAY = date(2026, 3, 1)
DATA = ("events", "checks", "examples")


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A day's events, checks and examples; the table is written to the store, as Spark does it."""
    if request.param == "folder":
        lake = Lake(LocalStore(tmp_path))
    else:
        lake = Lake(store_at(f"s3://{request.getfixturevalue('s3_bucket')}/lake", Settings.load()))
    sources: dict[str, str] = {}
    for dataset in DATA:
        with lake.attempt(dataset, DAY) as out:
            (out / "counts.json").write_text("{}")
            lake.store.put(f"{dataset}/date={DAY}/{out.name}/table/part-0.parquet", dataset.encode() * 9)
            write_data_seal(lake, out, ["table"], sources)
        if dataset == "events":
            sources = {f"events/{DAY}": seal_digest(lake.current("events", DAY))}
    return lake


def key(lake: Lake, dataset: str, name: str) -> str:
    return f"{dataset}/date={DAY}/{lake.current(dataset, DAY).name}/{name}"


def test_unchanged_day_passes(lake: Lake) -> None:
    data_seals.require_day_unchanged(lake, DAY)
    assert list(data_seals.source_seals(lake, "examples", [DAY])) == ["examples/2026-03-01"]


@pytest.mark.parametrize("dataset", DATA)
@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("table/part-0.parquet", b"another", "table table"),
        ("table/part-1.parquet", b"added", "table table"),
        ("counts.json", b"[]", "files"),
        ("added.json", b"[]", "files"),
        (SEAL, b"{", "seal"),
    ],
)
def test_changed_part_is_named_with_the_step_to_repeat(
    lake: Lake, dataset: str, name: str, content: bytes, part: str
) -> None:
    lake.store.put(key(lake, dataset, name), content)
    copies_of.cache_clear()  # the next step is another process
    with pytest.raises(
        InputChangedError, match=f"{dataset} of 2026-03-01: found another content of its {part}.*--date"
    ):
        data_seals.require_day_unchanged(lake, DAY)


def test_removed_table_and_removed_attempt_are_noticed(lake: Lake) -> None:
    lake.store.delete(key(lake, "events", "table/part-0.parquet"))
    assert changed_part(lake, lake.current("events", DAY)) == "table table"
    lake.store.delete_folder(key(lake, "examples", "")[:-1])
    with pytest.raises(InputChangedError, match="files, which are missing"):
        data_seals.unchanged(lake, "examples", DAY)


def test_examples_of_other_events_are_noticed(lake: Lake) -> None:
    with lake.attempt("events", DAY) as out:
        (out / "counts.json").write_text("{}")
        write_data_seal(lake, out, [], {})
    data_seals.unchanged(lake, "examples", DAY)
    with pytest.raises(InputChangedError, match="a result of other events"):
        data_seals.require_day_unchanged(lake, DAY)


def test_data_written_again_with_fewer_rows_is_sealed_again(lake: Lake) -> None:
    for dataset in DATA:
        before = lake.current(dataset, DAY)
        with lake.attempt(dataset, DAY) as out:
            (out / "counts.json").write_text("{}")
            lake.store.put(f"{dataset}/date={DAY}/{out.name}/table/part-0.parquet", b"less")
            data_seals.seal_again(lake, DAY, before, out)
    data_seals.require_day_unchanged(lake, DAY)
    lake.store.put(key(lake, "events", "table/part-0.parquet"), b"another")
    with pytest.raises(InputChangedError):
        data_seals.require_day_unchanged(lake, DAY)


def test_table_without_a_seal_that_is_cut_short_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.attempt("events", DAY) as out:
        (out / "events").mkdir()
        (out / "events" / "part-0.parquet").write_bytes(b"PAR1" + bytes(8))
    data_seals.unchanged(lake, "events", DAY)
    for content in (b"", b"PAR1"):
        (out / "events" / "part-0.parquet").write_bytes(content)
        with pytest.raises(InputChangedError, match="table, of which a file is cut short"):
            data_seals.unchanged(lake, "events", DAY)


def test_day_of_an_earlier_version_has_no_seals_and_passes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(NotInLakeError):
        data_seals.require_day_unchanged(lake, DAY)
    for dataset in ("events", "examples"):
        with lake.attempt(dataset, DAY) as out:
            (out / "counts.json").write_text("{}")
    data_seals.require_day_unchanged(lake, DAY)
