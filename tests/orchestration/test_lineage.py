"""The OpenLineage datasets of a step: names, versions, columns, sizes, and the model."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leapline.orchestration.lineage import MODEL_FACET, step_lineage
from leapline.runtime.context import RunContext
from leapline.runtime.step import perform
from leapline.settings import Settings
from leapline.storage import Lake

DAY, EARLIER = date(2026, 3, 5), date(2026, 3, 4)
RUN = RunContext(DAY, "scheduled__night")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "lake", landing=str(tmp_path / "landing"))


def write(lake: Lake, dataset: str, day: date, **tables: dict[str, Any]) -> None:
    """Commit an attempt with tables of one file each."""
    with lake.attempt(dataset, day) as out:
        for name, columns in tables.items():
            (out / name).mkdir()
            pq.write_table(pa.table(columns), out / name / "part-0.parquet")


def featurize(settings: Settings, _run: RunContext) -> dict[str, Any]:
    """Read two days of events; write two tables of examples."""
    lake = Lake(settings.home)
    for day in (EARLIER, DAY):
        lake.current("events", day)
    write(lake, "examples", DAY, examples={"session": ["a", "b"], "label": [0, 1]}, items={"item": ["x"]})
    return {}


def test_step_has_the_datasets_that_it_used(settings: Settings) -> None:
    lake = Lake(settings.home)
    for day in (EARLIER, DAY):
        write(lake, "events", day, events={"ts": [1]})
    perform("featurize", featurize, settings, RUN)
    lineage = step_lineage(settings, RUN.run_id, "featurize")
    [events], [examples] = lineage.inputs, lineage.outputs
    assert (events.namespace, events.name) == ("file", f"{settings.home}/events")
    attempts = [f"{day}/{lake.current('events', day).name}" for day in (EARLIER, DAY)]
    assert events.facets["version"].datasetVersion == ", ".join(attempts)
    assert (examples.namespace, examples.name) == ("file", f"{settings.home}/examples")
    columns = [(field.name, field.type) for field in examples.facets["schema"].fields]
    assert columns == [("examples.session", "string"), ("examples.label", "int64"), ("items.item", "string")]
    assert examples.outputFacets["outputStatistics"].rowCount == 3


def test_extract_reads_the_landed_events(settings: Settings, tmp_path: Path) -> None:
    perform("extract", lambda *_: {}, settings, RUN)
    [landed] = step_lineage(settings, RUN.run_id, "extract").inputs
    assert (landed.namespace, landed.name) == ("file", str(tmp_path / "landing"))
    buckets = settings.model_copy(update={"landing": "s3://raw/good,s3://raw2"})
    names = [(each.namespace, each.name) for each in step_lineage(buckets, RUN.run_id, "extract").inputs]
    assert names == [("s3://raw", "good"), ("s3://raw2", "/")]
    for source, namespace in (
        ("postgresql://reader@db.example/shop", "postgres://db.example:5432"),
        ("redshift://shop-dwh/shop?user=reader", "redshift://shop-dwh"),
    ):
        [events] = step_lineage(settings.model_copy(update={"source": source}), RUN.run_id, "extract").inputs
        assert (events.namespace, events.name) == (namespace, "shop.atomic.events")


def test_database_of_an_airflow_connection_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    perform("extract", lambda *_: {}, settings, RUN)
    monkeypatch.setenv("AIRFLOW_CONN_SNOWPLOW", "postgres://reader:secret@db.example:5433/shop")
    names = {}
    for source in ("postgresql://", "postgresql://a:5432,b:5432/other"):
        of_connection = settings.model_copy(update={"source": source, "source_connection": "snowplow"})
        [events] = step_lineage(of_connection, RUN.run_id, "extract").inputs
        names[events.namespace] = events.name
    assert names == {"postgres://db.example:5433": "shop.atomic.events", "postgres://a:5432": "other.atomic.events"}


def test_published_image_and_model_are_named(settings: Settings) -> None:
    summary = {"model_id": "2026-03-05-0123456789ab", "digest": "sha256:" + "0" * 64, "pushed": True}
    perform("publish", lambda *_: summary, settings, RUN)
    lineage = step_lineage(settings, RUN.run_id, "publish")
    [image] = lineage.outputs
    assert (image.namespace, image.name) == (f"oci://{settings.registry}", settings.repository)
    assert image.facets["version"].datasetVersion == summary["digest"]
    facet = lineage.run_facets[MODEL_FACET]
    assert facet.data_day == "2026-03-05"
    assert facet.model == {"model_id": summary["model_id"], "digest": summary["digest"]}


def test_step_without_a_report_has_no_datasets(settings: Settings) -> None:
    lineage = step_lineage(settings, RUN.run_id, "train")
    assert (lineage.inputs, lineage.outputs, lineage.run_facets) == ([], [], {})
