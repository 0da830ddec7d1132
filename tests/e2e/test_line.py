"""The whole pipeline: the DAG on generated events, and the same steps on public click data."""

import gzip
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leapline.deployment.factory import registry
from leapline.local.demo import LIMITS
from leapline.local.registry_service import local_registry
from leapline.runtime.context import STEPS
from leapline.runtime.reports import past_report
from leapline.runtime.spark_cds import FEW_EVENTS
from leapline.serving.scorer_process import run_image
from leapline.settings import Settings
from leapline.signing.keys import SigningKey
from leapline.storage import Lake, read_json
from leapline.synthetic import PLANTED
from tests.command import environment, leapline
from tests.ports import free_address

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 3, 4)
KEY = "a key for tests, of at least 32 bytes"
SIGNING_KEY = SigningKey.generate().pem()
pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A new installation with its own lake, Airflow and registry."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS MISSING: `make setup` installs the registry, crane and the scorer into .local")
    home, tools = tmp_path_factory.mktemp("lake"), tmp_path_factory.mktemp("tools")
    for tool in ("bin", "cleaner", "scorer", "spark.jsa"):
        (tools / tool).symlink_to(ROOT / ".local" / tool)
    installation = Settings(
        home=home, landing=home / "landing", pseudonym_key=KEY, signing_key=SIGNING_KEY, tools=tools,
        registry=free_address(),
        training_days=1, forest_trees=20, forest_depth=8, spark_driver_memory="2g", spark_driver_options=FEW_EVENTS,
        spark_shuffle_partitions=2,
    )  # fmt: skip
    # The demo's limits, because a repeated day is judged by the same ones.
    return installation.model_copy(update={**LIMITS, "roc_auc_threshold": 0.7})


@pytest.fixture(scope="module")
def demo_output(settings: Settings) -> Iterator[str]:
    """The output of `make demo` on two small days."""
    argv = ["make", "demo", f"DEMO_ARGS=--date {DAY} --days 2 --sessions-per-day 1800"]
    transport = {"type": "file", "log_file_path": str(settings.home / "lineage.jsonl"), "append": True}
    env = os.environ | environment(settings) | {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=800)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    yield done.stdout
    local_registry(settings).stop()


@pytest.fixture(scope="module")
def run_id(settings: Settings, demo_output: str) -> str:
    """The id of the only run."""
    (report,) = settings.home.glob("runs/*/publish.json")
    return report.parent.name


def summary(settings: Settings, run_id: str, step: str) -> dict[str, Any]:
    report = past_report(settings, run_id, step)
    assert report is not None, step
    assert report["ok"], report
    content: dict[str, Any] = report["summary"]
    return content


def test_dag_publishes_and_promotes(settings: Settings, run_id: str, demo_output: str) -> None:
    tasks = dict(re.findall(r"^ {4}(\w+) +(\w+) +[\d.]+ s$", demo_output, re.MULTILINE))
    assert tasks.keys() >= set(STEPS)
    assert tasks.pop("deploy") == "skipped"
    assert set(tasks.values()) == {"success"}
    published = summary(settings, run_id, "publish")
    assert registry(settings).digest("champion") == published["digest"]
    assert summary(settings, run_id, "promote")["promoted"] is True
    assert summary(settings, run_id, "gate")["roc_auc"] > 0.7
    probe = summary(settings, run_id, "probe")
    assert probe["rows"] >= 1000
    assert probe["sessions"] == probe["rows"]
    assert probe["items"] > probe["sessions"] / 2
    assert probe["max_difference"] <= settings.probe_tolerance


def test_nobody_else_can_read_what_is_stored(settings: Settings, run_id: str) -> None:
    folders = (settings.home, settings.tools / "airflow")
    stored = [path for folder in folders for path in folder.rglob("*") if not path.is_symlink()]
    assert len(stored) > 100
    assert [path for path in stored if path.stat().st_mode & 0o077] == []


def test_task_logs_are_short_and_end_with_a_summary(settings: Settings, demo_output: str) -> None:
    log = (settings.tools / "airflow/once/logs/once.log").read_text()
    assert "Traceback" not in log
    for step in STEPS:
        lines = log.split(f"starting task_id={step} ")[1].split(f"end task task_id={step} ")[0].splitlines()
        assert len(lines) <= 20, "\n".join(lines)
        assert [line for line in lines if f" {step}: " in line], lines
        assert not [line for line in lines if re.search(r"great_expectations|py4j| INFO [A-Z]\w+: ", line)]


def test_lineage_leads_from_the_landed_events_to_the_image(settings: Settings, demo_output: str) -> None:
    lines = (settings.home / "lineage.jsonl").read_text().splitlines()
    events = {e["job"]["name"].rpartition(".")[2]: e for e in map(json.loads, lines) if e["eventType"] == "COMPLETE"}
    steps = STEPS[:-1]  # `deploy` was skipped
    used = {step: {name["name"].rpartition("/")[2] for name in events[step]["inputs"]} for step in steps}
    written = {step: {name["name"].rpartition("/")[2] for name in events[step]["outputs"]} for step in steps}
    assert used["extract"] == {"landing"}
    assert written["extract"] == {"events", "orders", "quarantine"}
    for before, after, dataset in (
        ("extract", "featurize", "events"), ("featurize", "train", "examples"), ("train", "evaluate", "candidates"),
        ("evaluate", "gate", "evaluations"), ("gate", "package", "verdicts"), ("package", "probe", "packages"),
    ):  # fmt: skip
        assert dataset in written[before] & used[after], (before, after)
    assert written["publish"] == {"models", "scorer"}
    assert events["publish"]["run"]["facets"]["leapline_model"]["model"]["digest"]


def test_demo_prints_a_summary(settings: Settings, run_id: str, demo_output: str) -> None:
    published = summary(settings, run_id, "publish")
    rows = dict(re.findall(r"^  ([A-Za-z]+(?: [A-Za-z]+)?)  +(.+)$", demo_output, re.MULTILINE))
    assert rows["verdict"].startswith("Passed all ")
    assert rows["ROC AUC"].startswith(f"{published['metrics']['roc_auc']:.3f} (95 % CI ")
    assert rows["model"] == published["model_id"]
    assert rows["image"] == f"{settings.image}@{published['digest']}"
    assert rows["champion"] == "promoted to this model"
    assert re.fullmatch(r"(buy|defer), probability [01]\.\d\d after \d+ events", rows["session"])
    assert (Path(rows["plots"]) / "roc.png").exists()
    assert Path(rows["model card"]).exists()
    assert len(read_json(settings.home / "session.json")["session"]["events"]) > 0


def test_pulled_image_scores_like_spark(settings: Settings, run_id: str, tmp_path: Path) -> None:
    digest = summary(settings, run_id, "package")["image_digest"]
    layout = registry(settings).pull(summary(settings, run_id, "publish")["digest"], tmp_path / "image")
    sample = read_json(Lake(settings.home).current("evaluations", DAY) / "probe_rows.json")
    with run_image(layout, digest, tmp_path) as client:
        answer = client.predict(sample["rows"][:3])
    assert [a["probability"][1] for a in answer] == pytest.approx(sample["expected"][:3], abs=1e-12)
    assert {a["segment"] for a in answer} <= {"buy", "defer"}


@pytest.mark.parametrize("form", ["onnx", "pmml"])
def test_export_reproduces_the_probabilities(settings: Settings, run_id: str, tmp_path: Path, form: str) -> None:
    target = tmp_path / f"model.{form}"
    argv = [ROOT / ".venv/bin/leapline", "bundle", "export", target, "--date", str(DAY), "--to", form, "--json"]
    env = os.environ | environment(settings)
    done = subprocess.run([*map(str, argv)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["rows"] >= 1000
    assert result["max_difference"] <= 1e-12
    assert result["bytes"] == target.stat().st_size


def test_repeated_day_builds_the_same_image(settings: Settings, run_id: str, spark: "SparkSession") -> None:
    first = summary(settings, run_id, "package")
    repeated = {step: do(settings, step) for step in ("featurize", "train", "evaluate", "gate", "package")}["package"]
    assert repeated["archive_sha256"] == first["archive_sha256"]
    assert repeated["image_digest"] == first["image_digest"]
    do(settings, "probe")
    assert do(settings, "publish")["pushed"] is False
    assert do(settings, "promote")["promoted"] is False


def contents(path: Path) -> bytes:
    """Return a file's content, decompressed, so that it can be searched."""
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return b"\n".join(archive.read(name) for name in archive.namelist())
    raw = path.read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def leaks(files: list[Path], texts: list[str]) -> list[tuple[Path, str]]:
    matches = []
    for path in files:
        content = contents(path)
        matches += [(path, text) for text in texts if text.encode() in content]
    return matches


def test_no_personal_data_is_stored(settings: Settings, run_id: str) -> None:
    stored = [
        path
        for folder in (settings.home, settings.tools / "airflow")
        for path in folder.rglob("*")
        if path.is_file() and "landing" not in path.parts and "registry" not in path.parts
    ]
    kinds = {p.suffix for p in stored}
    assert {".parquet", ".zip", ".json", ".log"} <= kinds, "the search covers the lake, the archive and the logs"
    assert leaks(stored, [*PLANTED, KEY, *SIGNING_KEY.splitlines()[1:-1]]) == []


def test_personal_data_search_detects_planted_data(tmp_path: Path) -> None:
    """Proves that the search above can find something."""
    secret = PLANTED[0]
    pq.write_table(pa.table({"item": [secret]}), tmp_path / "a.parquet")
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", secret * 50)
    (tmp_path / "c").write_bytes(gzip.compress(secret.encode()))
    (tmp_path / "d.log").write_text(secret)
    files = sorted(tmp_path.iterdir())
    assert [path for path, _ in leaks(files, [secret])] == files


def test_public_clicks_run_through_the_same_steps(shared: Path, tmp_path: Path, spark: "SparkSession") -> None:
    clicks = Settings(home=tmp_path, pseudonym_key=KEY, forest_trees=10, forest_depth=5)
    report = leapline(clicks, "import", "rees46", str(shared / "clicks" / "rees46-2019-10-01.csv"))
    assert report["malformed"] == 1, "the file's last line is truncated"
    summaries = leapline(clicks, "run", "--date", "2019-10-01", "--set", "training_days=0")
    assert summaries["extract"]["2019-10-01"]["quarantined_share"] == 0
    assert not summaries["gate"]["passed"], "few buyers and short sessions: the model must be refused"
    assert summaries["gate"]["sentence"].startswith("Refused: ")
    card = Path(summaries["gate"]["card"]).read_text()
    assert summaries["gate"]["sentence"] in card
    assert json.dumps(summaries["gate"]["rules"])


def do(settings: Settings, step: str) -> dict[str, Any]:
    """Run a step from the command line."""
    return dict(leapline(settings, step.replace("_", "-"), "--date", str(DAY)))
