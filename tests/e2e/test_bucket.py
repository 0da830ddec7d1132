"""A night on buckets: landing and lake in S3 give the same results, byte for byte, as folders."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from leapline.deployment.factory import ledger_of, registry
from leapline.local.registry_service import LocalRegistry
from leapline.local.s3_service import LocalS3
from leapline.orchestration.page import documents, models, runs
from leapline.records import history
from leapline.records.candidates import candidates
from leapline.records.runs import list_outcomes
from leapline.runtime.context import STEPS
from leapline.storage import lake_of
from leapline.storage.factory import store_at
from leapline.synthetic import GeneratorSpec, generate
from tests.command import leapline
from tests.conftest import ROOT
from tests.e2e.night import DAY, TABLES, Night, run_steps, settings_of
from tests.ports import free_address

pytestmark = [pytest.mark.bucket_night, pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]


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


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, landing: Path, bucket: str, s3_server: LocalS3
) -> Iterator[tuple[Night, Night]]:
    """The night in folders, and the night in the bucket; each installation has a registry of its own."""
    folders = [tmp_path_factory.mktemp(name) for name in ("folders", "bucket")]
    registries = [LocalRegistry(f / "registry", ROOT / ".local/bin/registry", free_address()) for f in folders]
    addresses = [local.start().address for local in registries]
    where = {"landing": f"s3://{bucket}/enriched/good", "lake": f"s3://{bucket}/lake"}
    in_bucket = settings_of(folders[1], registry=addresses[1], s3_endpoint=s3_server.endpoint, **where)
    in_folders = settings_of(folders[0], registry=addresses[0], landing=landing)
    changed = {name: str(getattr(in_folders, name)) for name in ("home", "lake", "landing", "registry", "s3_endpoint")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        run_steps(in_bucket, {}, changed)
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
    for dataset, name in TABLES:
        assert in_folders.table(dataset, name) == in_bucket.table(dataset, name), (dataset, name)
    counts = in_folders.summary("extract")
    assert in_bucket.summary("extract") == counts
    assert counts[DAY.isoformat()]["events"] > 2500


def test_model_and_image_are_equal_to_the_byte(in_folders: Night, in_bucket: Night) -> None:
    first, second = in_folders.summary("package"), in_bucket.summary("package")
    assert first["archive_sha256"] == second["archive_sha256"]
    assert first["image_digest"] == second["image_digest"]
    assert registry(in_bucket.settings).digest("champion") == first["image_digest"]


def test_model_in_the_registry_is_rebuilt_to_the_byte(in_bucket: Night, landing: Path, tmp_path: Path) -> None:
    """By an installation that has the events and the pseudonym key, but not the lake."""
    other = settings_of(tmp_path, registry=in_bucket.settings.registry, landing=landing)
    result = leapline(other, "rebuild", "--model", in_bucket.summary("package")["model_id"])
    assert result["same"], result
    assert result["rebuilt"] == in_bucket.summary("package")["archive_sha256"]
    assert not (tmp_path / "home").exists()


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
