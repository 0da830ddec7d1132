"""A night on buckets: landing and lake in S3 give the same results, byte for byte, as folders."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.local.registry_service import LocalRegistry
from leapline.local.s3_service import LocalS3
from leapline.orchestration.page import documents, models, runs
from leapline.records import history
from leapline.records.candidates import candidates
from leapline.records.runs import list_outcomes
from leapline.runtime.context import STEPS
from leapline.runtime.reports import past_report
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.settings import Settings
from leapline.storage import Lake, lake_of
from leapline.storage.factory import store_at
from leapline.synthetic import GeneratorSpec, generate
from tests.command import environment
from tests.conftest import ROOT
from tests.ports import free_address

DAY = date(2026, 3, 4)
KEY = "a key for tests, of at least 32 bytes"
pytestmark = [pytest.mark.bucket_night, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]

CODE = """
import json, sys; from datetime import date; from importlib import import_module
from leapline.runtime.context import STEPS, RunContext
from leapline.runtime.spark import spark_session
from leapline.runtime.step import perform
from leapline.settings import Settings
run = RunContext(date.fromisoformat(sys.argv[1]), "scheduled__night")
with spark_session(Settings.load(), "test"):
    for changed in json.loads(sys.argv[2]):
        settings = Settings.load(**changed)
        for step in STEPS:
            perform(step, import_module(f"leapline.steps.{step}").run, settings, run)
"""
"""All steps of each installation in one driver, which has the options for buckets; an installation is given by the
settings in which it differs from the environment's."""


@dataclass(frozen=True)
class Night:
    """An installation after one night."""

    settings: Settings
    lake: Lake

    def summary(self, step: str) -> dict[str, Any]:
        """Return a step's summary."""
        report = past_report(self.settings, "scheduled__night", step)
        assert report is not None and report["ok"], (step, report)
        return report["summary"]

    def table(self, dataset: str, name: str) -> dict[str, str]:
        """Return the digest of each file of a table, by the digest's order."""
        folder = self.lake.current(dataset, DAY) / name
        tables = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
        digests = sorted(hashlib.sha256(str(table.to_pydict()).encode()).hexdigest() for table in tables)
        return {f"{number}": digest for number, digest in enumerate(digests)}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of generated events."""
    folder = tmp_path_factory.mktemp("landing")
    generate(folder, GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=1000))
    return folder


@pytest.fixture(scope="module")
def bucket(s3_server: LocalS3, landing: Path) -> str:
    """A bucket with the same events."""
    s3_server.create_bucket("night")
    client = s3_server.client()
    for path in (path for path in landing.rglob("*") if path.is_file()):
        client.upload_file(str(path), "night", f"enriched/good/{path.relative_to(landing).as_posix()}")
    return "night"


def settings_of(folder: Path, registry_address: str, **where: Any) -> Settings:
    return Settings(
        home=folder / "home", pseudonym_key=KEY, tools=ROOT / ".local", registry=registry_address, training_days=1,
        forest_trees=12, forest_depth=6, roc_auc_threshold=0.6, min_slice_roc_auc=0, max_calibration_error=0.2,
        bootstrap_resamples=200, probe_rows=1000, spark_master="local[2]", spark_driver_memory="2g",
        spark_driver_options=FEW_EVENTS, spark_shuffle_partitions=2, **where,
    )  # fmt: skip


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, landing: Path, bucket: str, s3_server: LocalS3
) -> Iterator[tuple[Night, Night]]:
    """The night in folders, and the night in the bucket; each installation has a registry of its own."""
    folders = [tmp_path_factory.mktemp(name) for name in ("folders", "bucket")]
    registries = [LocalRegistry(f / "registry", ROOT / ".local/bin/registry", free_address()) for f in folders]
    addresses = [local.start().address for local in registries]
    where = {"landing": f"s3://{bucket}/enriched/good", "lake": f"s3://{bucket}/lake"}
    in_bucket = settings_of(folders[1], addresses[1], s3_endpoint=s3_server.endpoint, **where)
    in_folders = settings_of(folders[0], addresses[0], landing=landing)
    changed = {name: str(getattr(in_folders, name)) for name in ("home", "lake", "landing", "registry", "s3_endpoint")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        argv = [sys.executable, "-c", CODE, DAY.isoformat(), json.dumps([{}, changed])]
        env = os.environ | environment(in_bucket)
        done = subprocess.run(argv, cwd=in_bucket.tools, env=env, capture_output=True, text=True, timeout=800)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        yield Night(in_folders, lake_of(in_folders)), Night(in_bucket, lake_of(in_bucket))
    for local in registries:
        local.stop()


@pytest.fixture(scope="module")
def in_folders(nights: tuple[Night, Night]) -> Night:
    return nights[0]


@pytest.fixture(scope="module")
def in_bucket(nights: tuple[Night, Night]) -> Night:
    return nights[1]


def test_tables_are_equal(in_folders: Night, in_bucket: Night) -> None:
    for dataset, name in (("events", "events"), ("orders", "orders"), ("examples", "examples"), ("examples", "items")):
        assert in_folders.table(dataset, name) == in_bucket.table(dataset, name), (dataset, name)
    counts = in_folders.summary("extract")
    assert in_bucket.summary("extract") == counts
    assert counts[DAY.isoformat()]["events"] > 2500


def test_model_and_image_are_equal_to_the_byte(in_folders: Night, in_bucket: Night) -> None:
    first, second = in_folders.summary("package"), in_bucket.summary("package")
    assert first["archive_sha256"] == second["archive_sha256"]
    assert first["image_digest"] == second["image_digest"]
    assert registry(in_bucket.settings).digest("champion") == first["image_digest"]


def test_everything_is_in_the_bucket(in_bucket: Night) -> None:
    kept = {item.key.split("/")[0] for item in in_bucket.lake.store.list()}
    assert kept >= {"events", "models", "runs", "history", "ledger.jsonl"}
    assert "promotion.json" not in kept and "promotion.lock" not in kept
    home = in_bucket.settings.home
    assert not [path for path in home.rglob("*") if path.is_file()] if home.exists() else True
    assert not list(store_at("s3://night/lake/landing-names", in_bucket.settings).list())


def test_reports_history_and_ledger_are_read_from_the_bucket(in_bucket: Night) -> None:
    [outcome] = list_outcomes(in_bucket.settings)
    assert outcome.state == "promoted"
    assert [entry.action for entry in ledger_of(in_bucket.settings).entries()] == ["promote"]
    [row] = history.rows(in_bucket.lake)
    assert row["data_day"] == DAY.isoformat()
    [candidate] = candidates(in_bucket.lake)
    assert candidate.digest == in_bucket.summary("publish")["digest"]
    assert set(STEPS) == {step for step in STEPS if in_bucket.summary(step)}


def test_spark_wrote_with_the_magic_committer(in_bucket: Night) -> None:
    leftovers = [item.key for item in in_bucket.lake.store.list() if "__magic" in item.key or "_temporary" in item.key]
    assert leftovers == []


def test_models_page_shows_the_night_from_the_bucket(in_bucket: Night) -> None:
    settings, day = in_bucket.settings, DAY.isoformat()
    shown = runs.detail(settings)
    assert shown is not None
    assert shown["outcome"] == "promoted"
    assert shown["model"]["curves"]
    assert shown["data"]["check"]["docs"]
    [row] = models.candidates(settings)["rows"]
    card = documents.card(documents.model_folder(settings, row["model_id"]), "../../")
    assert card is not None
    assert "ROC AUC" in card
    plot = documents.day_plot(settings, day, "roc.png")
    assert plot is not None
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert documents.data_doc(settings, day, "index.html") is not None
    assert documents.data_doc(settings, day, "../result.json") is None
