"""The report of a step has rows and bytes of what it wrote."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leapline.datasets import DATASETS
from leapline.runtime.context import STEPS, RunContext
from leapline.runtime.output_sizes import measure_outputs
from leapline.runtime.reports import past_report
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.storage import Lake
from tests.lakes import current_of

DAY = date(2026, 3, 1)


def test_report_has_rows_and_bytes_of_the_data_day(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    def work(_settings: Settings, _run: RunContext) -> dict[str, Any]:
        with Lake(tmp_path).attempt("examples", DAY) as out:
            (out / "examples").mkdir()
            for number in range(2):
                pq.write_table(pa.table({"a": [1, 2, 3]}), out / "examples" / f"{number}.parquet")
            (out / "examples.json").write_text("{}")
        return {}

    perform("featurize", work, settings, RunContext(DAY, "r"))
    report = past_report(settings, "r", "featurize")
    assert report is not None
    files = [p for p in current_of(Lake(tmp_path), "examples", DAY).rglob("*") if p.is_file()]
    assert report["written"] == {"examples": {"rows": 6, "bytes": sum(p.stat().st_size for p in files)}}
    assert report["seconds"] >= 0


def test_step_without_output_has_no_sizes(tmp_path: Path) -> None:
    assert measure_outputs(Lake(tmp_path), "extract", DAY) == {}
    assert measure_outputs(Lake(tmp_path), "promote", DAY) == {}
    assert {dataset.writer for dataset in DATASETS} <= set(STEPS)
