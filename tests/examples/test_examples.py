"""Each folder of examples/ works when it is used as its README describes."""

import importlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from leapline.bundle import inspect, read, verify
from leapline.modelling.examples import with_fitted_features
from leapline.settings import Settings
from leapline.storage import Lake
from leapline.synthetic import GeneratorSpec, generate
from tests.bundle import scoring
from tests.command import leapline
from tests.events.lines import DAY as SHOP_DAY
from tests.events.lines import at, land, line, self_describing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DAY = date(2026, 3, 4)
pytestmark = [pytest.mark.spark, pytest.mark.e2e]
Train = Callable[..., tuple[Settings, Path]]


@pytest.fixture(scope="module")
def extracted(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with checked events of two generated days, and with examples of the built-in features."""
    home = tmp_path_factory.mktemp("home")
    settings = _settings(home, landing=home / "landing", training_days=1, forest_trees=5, forest_depth=5)
    generate(settings.landing_dir, GeneratorSpec(start=DAY - timedelta(days=1), days=2, sessions_per_day=500))
    for step in ("extract", "check-events", "featurize"):
        leapline(settings, step, "--date", str(DAY))
    return settings


@pytest.fixture
def train(extracted: Settings, tmp_path: Path) -> Train:
    """Return a function that trains with other settings. It returns these and the candidate's folder."""

    def run(*steps: str, **change: object) -> tuple[Settings, Path]:
        home = tmp_path / "home"
        shutil.copytree(extracted.home, home)
        settings = extracted.model_copy(update={"home": home, **change})
        for step in (*steps, "train"):
            leapline(settings, step, "--date", str(DAY))
        return settings, Lake(home).current("candidates", DAY)

    return run


def _settings(home: Path, **change: Any) -> Settings:
    return Settings.load(home=home, pseudonym_key="k" * 32, spark_shuffle_partitions=2, **change)


def test_custom_transformer_equals_spark_in_the_scorer(
    train: Train, spark: "SparkSession", scorer_with_op: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.ml import PipelineModel

    from leapline.features import spec as specs

    monkeypatch.syspath_prepend(EXAMPLES / "custom_transformer")
    settings, candidate = train(pipeline="log1p_scaler:pipeline")
    spec = specs.load(candidate / "features.json")
    examples = spark.read.parquet(str(Lake(settings.home).current("examples", DAY) / "examples"))
    rows = with_fitted_features(examples, spec).select(*spec.columns).limit(100)
    expected = PipelineModel.load(str(candidate / "pipeline")).transform(rows)
    saved = tmp_path / "rows.json"
    saved.write_text(
        json.dumps({**scoring.leap_frame(rows), "expected": scoring.answers(expected, ["probability", "prediction"])})
    )
    assert read(candidate / "model.zip").root.children[0].op == "log1p_scaler"
    report = verify(candidate / "model.zip", saved, scorer=scorer_with_op, tolerance=1e-12)
    assert report["passed"], report["columns"]


@pytest.fixture
def scorer_with_op(tmp_path: Path) -> Path:
    """A scorer of this checkout, compiled with the op of the example."""
    go = shutil.which("go") or str(ROOT / ".venv" / "bin" / "go")
    if not Path(go).exists():
        pytest.skip("NO GO: there is no Go toolchain on PATH or in .venv, so the custom op is not compiled")
    scorer = (ROOT / "include" / "scorer").resolve()
    overlay = tmp_path / "overlay.json"
    op = EXAMPLES / "custom_transformer" / "log1p_scaler.go"
    overlay.write_text(json.dumps({"Replace": {str(scorer / "ops" / op.name): str(op)}}))
    binary = tmp_path / "scorer"
    command = [go, "build", "-overlay", str(overlay), "-o", str(binary), "./cmd/scorer"]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    process = subprocess.run(command, cwd=scorer, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return binary


def test_custom_transformer_can_be_saved_and_loaded(
    spark: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES / "custom_transformer")
    transformer = importlib.import_module("log1p_scaler").Log1pScaler
    stage = transformer(inputCol="clicks", outputCol="log_clicks", scale=2.0)
    stage.write().overwrite().save(str(tmp_path / "stage"))
    rows = spark.createDataFrame([(0.0,), (1.0,)], "clicks double")
    values = [row["log_clicks"] for row in transformer.load(str(tmp_path / "stage")).transform(rows).collect()]
    assert values == [0.0, pytest.approx(1.3862943611198906)]


def test_custom_pipeline_becomes_the_model(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES / "custom_pipeline")
    _, candidate = train(pipeline="boosted_trees:pipeline")
    ops = [stage["op"] for stage in inspect(candidate / "model.zip")["stages"]]
    assert ops == ["string_indexer", "vector_assembler", "gbt_classifier"]


def test_custom_features_are_the_inputs_of_the_model(train: Train) -> None:
    path = EXAMPLES / "custom_features" / "features.json"
    _, candidate = train("featurize", features=path)
    columns = {column["name"] for column in inspect(candidate / "model.zip")["inputs"]}
    assert columns == {feature["name"] for feature in json.loads(path.read_text())["features"]}


def test_custom_event_mapping_maps_the_events_of_the_site(spark: "SparkSession", tmp_path: Path) -> None:
    basket = {"event": "struct", "event_name": "event", "se_category": "basket", "se_action": "add"}
    order = self_describing("shop.example/order_placed", {"total": 59.9})
    land(
        tmp_path / "landing",
        [
            line("home", at(1)),
            line("item page", at(1.1), page_urlpath="/artikel/4711/red-hat"),
            line("basket", at(1.2), **basket, se_label="4711", se_value="59.9"),
            line("checkout", at(1.3), page_urlpath="/kasse"),
            line("order", at(1.4), **order),
            line("test", at(1.5), app_id="shop-test"),
        ],
    )
    mapping = EXAMPLES / "custom_event_mapping" / "event_mapping.json"
    settings = _settings(tmp_path / "home", landing=tmp_path / "landing", event_mapping=mapping, training_days=1)
    leapline(settings, "extract", "--date", str(SHOP_DAY.date()))
    events = spark.read.parquet(str(Lake(settings.home).current("events", SHOP_DAY.date()) / "events"))
    rows = events.orderBy("ts").select("kind", "page", "item", "price").collect()
    assert [tuple(row) for row in rows] == [
        ("page_view", "home", None, None),
        ("item_view", "item", "4711", None),
        ("cart_add", None, "4711", 59.9),
        ("page_view", "checkout", None, None),
        ("purchase", None, None, 59.9),
    ]
