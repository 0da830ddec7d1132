"""A full disk ends a step with a message that names the file system and the bytes, and leaves nothing behind.

The disks are real file systems of a few hundred kilobytes: whatever writes the lake, the ledger, archives and images
meets the operating system's own error.
"""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle.archive import write_entries
from leapline.errors import DiskFullError
from leapline.promotion.ledger import Ledger
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.serving.image import build
from leapline.serving.layout import unpack
from leapline.settings import Settings
from leapline.storage import Lake, LocalStore
from leapline.storage.disk import file_system_of
from tests.conftest import ROOT
from tests.fakes.small_disk import files_below, fill, small_disk
from tests.promotion.test_ledger import ENTRY
from tests.steps import shop
from tests.steps.nights import do, few_features

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = date(2026, 3, 1)
CONTENT = b"x" * 400_000
MESSAGE = r"ENOSPC, [0-9,]+ of [0-9,]+ bytes free on the file system {disk}; expected {needed} bytes"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    with small_disk(tmp_path / "disk", 256) as mounted:
        yield mounted


def message(disk: Path, needed: str) -> str:
    return MESSAGE.format(disk=re.escape(str(disk)), needed=needed)


def present(store: LocalStore) -> str:
    stored = store.get("there")
    assert stored
    return stored.version


WRITES: dict[str, Callable[[LocalStore, Path], Any]] = {
    "put": lambda store, _: store.put("deep/new", CONTENT),
    "put if absent": lambda store, _: store.put_if_absent("deep/new", CONTENT),
    "put if match": lambda store, _: store.put_if_match("there", CONTENT, present(store)),
    "upload": lambda store, large: store.upload("deep/new", large),
    "download": lambda store, large: LocalStore(large.parent).download(large.name, Path(store.address) / "copy"),
    "archive": lambda store, large: write_entries(Path(store.address) / "model.zip", {"a": large.read_bytes()}),
}


@pytest.mark.parametrize("name", WRITES)
def test_each_write_names_file_system_bytes_needed_and_bytes_free(disk: Path, tmp_path: Path, name: str) -> None:
    large, store = tmp_path / "large", LocalStore(disk)
    large.write_bytes(random.Random(1).randbytes(len(CONTENT)))
    store.put("there", b"before")
    with pytest.raises(DiskFullError, match=message(disk, "40[0-9],[0-9]{3}")):
        WRITES[name](store, large)
    assert files_below(disk) - {"copy"} == {"there"}
    assert store.get("there").content == b"before"  # type: ignore[union-attr]


def test_attempt_that_fills_the_disk_is_removed_and_the_former_result_stays(disk: Path) -> None:
    lake = Lake(disk)
    with lake.attempt("events", DAY) as out:
        (out / "part").write_bytes(b"before")
    before = files_below(disk)
    with pytest.raises(DiskFullError, match=message(disk, "more than [0-9,]+")), lake.attempt("events", DAY) as out:
        for number in range(100):
            (out / f"part-{number}").write_bytes(CONTENT[:50_000])
    assert files_below(disk) == before
    assert (lake.current("events", DAY) / "part").read_bytes() == b"before"
    with lake.attempt("events", DAY) as out:
        (out / "part").write_bytes(b"after")


def test_ledger_without_room_for_an_entry_stays_sound_and_goes_on_later(disk: Path) -> None:
    ledger = Ledger(LocalStore(disk))
    ledger.append(ENTRY)
    fill(disk)
    with pytest.raises(DiskFullError, match=message(disk, "[0-9,]+")):
        ledger.append(replace(ENTRY, run_id="r2"))
    assert ledger.problems() == []
    assert [entry.run_id for entry in ledger.checked_entries()] == [ENTRY.run_id]
    assert not [name for name in files_below(disk) if "/." in f"/{name}"], "no temporary file"
    (disk / "filler").unlink()
    assert ledger.append(replace(ENTRY, run_id="r2"))
    assert ledger.problems() == []


def test_image_is_not_left_in_part(disk: Path, tmp_path: Path) -> None:
    """Neither where it is built nor where it is unpacked to be probed."""
    (tmp_path / "model.zip").write_bytes(CONTENT)
    (tmp_path / "scorer").write_bytes(CONTENT)
    image: dict[str, Any] = {"model_id": "m", "labels": {}, "created": datetime(2026, 3, 1, tzinfo=UTC)}
    lake, scorers = Lake(disk), {"amd64": tmp_path / "scorer"}
    with pytest.raises(DiskFullError, match=message(disk, "more than [0-9,]+")), lake.attempt("packages", DAY) as out:
        shutil.copy(tmp_path / "model.zip", out)
        build(tmp_path / "model.zip", scorers, out / "image", **image)
    assert files_below(disk) == set()
    assert not lake.has("packages", DAY)
    build(tmp_path / "model.zip", scorers, tmp_path / "image", **image)
    settings = Settings(home=disk)

    def step(_: Settings, __: RunContext) -> dict[str, Any]:
        unpack(tmp_path / "image", "amd64", disk / "work")
        return {}

    with pytest.raises(DiskFullError, match=message(disk, "an unknown number of")):
        perform("probe", step, settings, RunContext(DAY, "r"))


def test_error_of_a_step_is_not_hidden_by_a_report_that_has_no_room(disk: Path) -> None:
    def step(_: Settings, __: RunContext) -> dict[str, Any]:
        fill(disk)
        Lake(disk).store.put("history/history.csv", CONTENT)
        return {}

    with pytest.raises(DiskFullError, match="history.csv"):
        perform("gate", step, Settings(home=disk), RunContext(DAY, "r"))
    assert not [name for name in files_below(disk) if name.startswith("runs")]


@pytest.mark.spark
def test_step_whose_tables_fill_the_disk_commits_nothing(spark: "SparkSession", tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1536) as disk:
        lake = Lake(disk)
        shop.open_day(lake, DAY, 1500)
        settings = few_features(Settings(home=disk, training_days=0, spark_shuffle_partitions=2))
        fill(disk, leave=100_000)
        before = files_below(disk)
        with pytest.raises(DiskFullError, match=message(disk, "(more than [0-9,]+|an unknown number of)")):
            do(settings, DAY, "featurize")
        assert files_below(disk) == before
        (disk / "filler").unlink()
        do(settings, DAY, "featurize")
        assert lake.has("examples", DAY)


SPILL = """
import sys
from pathlib import Path
from leapline.errors import DiskFullError
from leapline.runtime.spark import spark_session
from leapline.settings import Settings
settings = Settings.load(home=Path(sys.argv[1]), tools=Path(sys.argv[2]), spark_master="local[1]",
                         spark_driver_memory="512m")
try:
    with spark_session(settings, "spill", {"spark.local.dir": sys.argv[3], "spark.shuffle.compress": "false"}) as spark:
        rows = spark.range(400_000).selectExpr("id", "repeat(uuid(), 4) AS text").repartition(3, "id")
        rows.write.parquet(sys.argv[4])
except DiskFullError as exc:
    print(exc)
"""


@pytest.mark.spark
def test_spark_that_cannot_put_rows_aside_names_its_disk(tmp_path: Path) -> None:
    """A driver of its own, because its local folder is fixed when it starts."""
    with small_disk(tmp_path / "disk", 4096) as disk:
        arguments = [tmp_path / "home", ROOT / ".local", disk, tmp_path / "table"]
        done = subprocess.run([sys.executable, "-c", SPILL, *map(str, arguments)], capture_output=True, text=True)
        assert re.search(message(disk, "an unknown number of"), done.stdout), done.stdout + done.stderr[-2000:]
        assert files_below(disk) == set()
    assert not list((tmp_path / "table").glob("*.parquet"))


def test_file_system_of_a_folder_that_does_not_exist_yet(disk: Path) -> None:
    assert file_system_of(disk / "not" / "there") == disk
