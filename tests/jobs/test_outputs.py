"""A step's report tells rows and bytes."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leapline.jobs.outputs import written
from leapline.jobs.run import STEPS, Run, past_report, perform
from leapline.settings import Settings
from leapline.storage import WRITTEN_BY, Lake

DAY = date(2026, 3, 1)


def test_rows_and_bytes_of_the_data_day(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    def work(_settings: Settings, _run: Run) -> dict[str, Any]:
        with Lake(tmp_path).attempt("examples", DAY) as out:
            (out / "examples").mkdir()
            for number in range(2):
                pq.write_table(pa.table({"a": [1, 2, 3]}), out / "examples" / f"{number}.parquet")
            (out / "examples.json").write_text("{}")
        return {}

    perform("featurize", work, settings, Run(DAY, "r"))
    report = past_report(settings, "r", "featurize")
    assert report is not None
    files = [p for p in Lake(tmp_path).current("examples", DAY).rglob("*") if p.is_file()]
    assert report["written"] == {"examples": {"rows": 6, "bytes": sum(p.stat().st_size for p in files)}}
    assert report["seconds"] >= 0


def test_nothing_written_is_nothing_told(tmp_path: Path) -> None:
    assert written(Lake(tmp_path), "extract", DAY) == {}
    assert written(Lake(tmp_path), "promote", DAY) == {}
    assert set(WRITTEN_BY.values()) <= set(STEPS)
