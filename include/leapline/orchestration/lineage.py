"""What a step has read and written, for OpenLineage.

Airflow's OpenLineage provider sends an event when a task starts and ends, if a transport is configured. The steps add
the datasets that they used: names are those of OpenLineage's conventions (namespace `file`, `s3://bucket`,
`postgres://host:port`, `redshift://cluster`), without the data day, which is part of the dataset's version. Tables
have their columns.
"""

import os
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    dataset_version_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from leapline.datasets import datasets_of
from leapline.orchestration.source_login import libpq_variables
from leapline.runtime.reports import past_report
from leapline.settings import TABLE_FORMATS, Settings
from leapline.storage import Lake, lake_of
from leapline.storage.store import open_stored

if TYPE_CHECKING:
    from leapline.storage.store import Item

MODEL_FACET: Final = "leapline_model"
_SUMMARY: Final = ("model_id", "digest", "archive_sha256", "sentence", "verdict", "passed", "promoted", "roc_auc")
"""What the model's facet has of the summary of a step, where the step has it."""


@attr.define
class ModelRunFacet(RunFacet):
    """The model that a step has judged, published or promoted.

    Attributes:
        data_day: YYYY-MM-DD.
        model: model id, digest, metrics, verdict; as in the step's summary.
    """

    data_day: str
    model: dict[str, Any]


def step_lineage(settings: Settings, run_id: str, step: str) -> OperatorLineage:
    """Return what a step of a run has read and written, from its report; nothing if it left none."""
    report = past_report(settings, run_id, step)
    if not report or not report["ok"]:
        return OperatorLineage()
    lake = lake_of(settings)
    inputs = [InputDataset(*name, facets={"version": version}) for name, version in _used(lake, report["read"])]
    if step == "extract":
        inputs += [InputDataset(*name) for name in _sources(settings)]
    outputs = list(_outputs(lake, step, report))
    if step == "publish":
        outputs += [_image(settings, report["summary"])]
    return OperatorLineage(inputs=inputs, outputs=outputs, run_facets=_model(report))


def _used(lake: Lake, attempts: list[dict[str, str]]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Namespace, name and version of each dataset; days of the same dataset are parts of one version."""
    versions: dict[str, list[str]] = {}
    for attempt in attempts:
        versions.setdefault(attempt["dataset"], []).append(f"{attempt['key']}/{attempt['name']}")
    for dataset, parts in versions.items():
        yield _name(lake, dataset), dataset_version_dataset.DatasetVersionDatasetFacet(", ".join(parts))


def _outputs(lake: Lake, step: str, report: dict[str, Any]) -> Iterator[OutputDataset]:
    tables = _tables(lake, step, report)
    for (namespace, name), version in _used(lake, report["committed"]):
        dataset = name.rpartition("/")[2]
        written = report["written"].get(dataset)
        size = {} if written is None else {"outputStatistics": _statistics(written)}
        facets = {"version": version} | ({"schema": tables[dataset]} if dataset in tables else {})
        yield OutputDataset(namespace, name, facets=facets, outputFacets=size)


def _statistics(written: dict[str, int]) -> Any:
    """Rows and bytes of the data day."""
    facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return facet(rowCount=written.get("rows"), size=written["bytes"])


def _tables(lake: Lake, step: str, report: dict[str, Any]) -> dict[str, Any]:
    """The columns of the datasets that the step wrote; a dataset with several tables has their columns by table."""
    columns = {}
    day = date.fromisoformat(report["day"])
    for dataset in datasets_of(step):
        if not lake.has(dataset, day):
            continue
        folder = lake.current(dataset, day)
        first: dict[str, Item] = {}
        for item in lake.files(folder):
            if item.key.endswith(".parquet"):
                first.setdefault(item.key.split(f"/{folder.name}/")[1].split("/")[0], item)
        fields = [field for table, item in sorted(first.items()) for field in _columns(lake, table, item, len(first))]
        if fields:
            columns[dataset] = schema_dataset.SchemaDatasetFacet(fields)
    return columns


def _columns(lake: Lake, table: str, item: "Item", tables: int) -> list[Any]:
    from pyarrow.parquet import ParquetFile

    prefix = f"{table}." if tables > 1 else ""
    with open_stored(lake.store, item) as file, ParquetFile(file) as content:
        return [
            schema_dataset.SchemaDatasetFacetFields(f"{prefix}{field.name}", str(field.type))
            for field in content.schema_arrow
        ]


def _name(lake: Lake, dataset: str) -> tuple[str, str]:
    return _address(f"{lake.store.address}/{dataset}")


def _address(address: str) -> tuple[str, str]:
    """Namespace and name of a folder or of an address in a bucket."""
    if not address.startswith("s3://"):
        return "file", address
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return f"s3://{bucket}", key or "/"


def _sources(settings: Settings) -> list[tuple[str, str]]:
    """Namespace and name of the places from which events come."""
    if settings.source == "landing":
        return [_address(place) for place in settings.landing_buckets or [str(settings.landing_dir)]]
    if settings.source in TABLE_FORMATS:
        place = settings.source_table_place
        return [_address(str(place)) if place else (settings.source, settings.source_table)]
    address = urlsplit(settings.source)
    if address.scheme.startswith("redshift"):
        return [(f"redshift://{address.hostname}", f"{address.path.strip('/')}.{settings.source_table}")]
    variables = os.environ | (libpq_variables(settings.source_connection) if settings.source_connection else {})
    # An address may name several hosts, of which one at a time is the server.
    host, _, port = address.netloc.rpartition("@")[2].split(",")[0].partition(":")
    host, port = host or variables.get("PGHOST", "localhost"), port or variables.get("PGPORT", "5432")
    database = address.path.strip("/") or variables.get("PGDATABASE", "")
    return [(f"postgres://{host}:{port}", ".".join(filter(None, (database, settings.source_table))))]


def _image(settings: Settings, summary: dict[str, Any]) -> OutputDataset:
    version = dataset_version_dataset.DatasetVersionDatasetFacet(summary["digest"])
    return OutputDataset(f"oci://{settings.registry}", settings.repository, facets={"version": version})


def _model(report: dict[str, Any]) -> dict[str, Any]:
    model = {name: report["summary"][name] for name in _SUMMARY if name in report["summary"]}
    return {MODEL_FACET: ModelRunFacet(report["day"], model)} if model else {}
