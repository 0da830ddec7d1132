"""The item model through the real steps: trained, evaluated and packaged. `tests/steps` has a shop without one."""

from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leapline.bundle.archive import read_entries, write_entries
from leapline.bundle.reader import read
from leapline.evaluation.item_rules import ItemLimits
from leapline.evaluation.metrics import Bootstrap, measure
from leapline.features import spec as specs
from leapline.records import data_seals
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.steps.package import METRICS, item_entries, items_manifest
from leapline.storage import Lake, read_json, write_json
from tests.lakes import current_of, folder_of
from tests.steps import shop

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
POPULAR = (
    '{"version": 1, "unit": "session", "features": [{"name": "n_item_views", "op": "count", "kinds": ["item_view"]},'
    ' {"name": "odds", "op": "markov"}, {"name": "most", "op": "popular", "of": "item", "vocabulary": "items", "k": 1,'
    ' "give": "clicks"}]}'
)


def open_day(lake: Lake, day: date) -> None:
    """Add a day whose buyers view up to five items and buy the one viewed most."""
    shop.open_day(lake, day, 800)
    path = next(current_of(lake, "events", day).glob("events/*.parquet"))
    events = pd.read_parquet(path)
    rng = np.random.default_rng(day.toordinal())
    views = events["kind"] == "item_view"
    events.loc[views, "item"] = rng.choice([f"i{n}" for n in range(5)], size=views.sum(), p=[0.4, 0.3, 0.1, 0.1, 0.1])
    most = events[views].groupby("session")["item"].agg(lambda seen: seen.mode()[0])
    bought = events[events["kind"] == "purchase"].copy()
    bought = bought.assign(kind="purchase_item", item=bought["session"].map(most), event_id=bought["event_id"] + "-i")
    every = pd.concat([events, bought[bought["item"].notna()]])
    every = every.sort_values(["session", "ts", "event_id"])
    every.to_parquet(path, index=False, coerce_timestamps="us")


def run_steps(folder: Path) -> tuple[Settings, dict[str, Any]]:
    lake = Lake(folder / "lake")
    for day in (FIRST, SECOND):
        open_day(lake, day)
    (folder / "features.json").write_text(POPULAR)
    settings = Settings(
        home=folder_of(lake), training_days=1, forest_trees=5, forest_depth=4, bootstrap_resamples=100,
        compare_champion=False,
        features=folder / "features.json",
    )  # fmt: skip
    steps = ("featurize", "train", "evaluate", "gate")
    context = RunContext(SECOND, "t")
    return settings, {step: import_module(f"leapline.steps.{step}").run(settings, context) for step in steps}


def shuffle_rows(examples: Path) -> None:
    for table in ("examples", "items"):
        rows = pd.read_parquet(examples / table).sample(frac=1, random_state=1)
        for path in (examples / table).glob("*.parquet"):
            path.unlink()
        rows.to_parquet(examples / table / "part-0.parquet", index=False, coerce_timestamps="us")


def test_item_model_is_trained_evaluated_and_packaged(tmp_path: Path) -> None:
    settings, summary = run_steps(tmp_path)
    lake = Lake(settings.home)
    candidate = lake.current("candidates", SECOND)
    metrics = read_json(lake.current("evaluations", SECOND) / "metrics.json")
    assert summary["train"]["items"]["trained"]
    assert summary["featurize"][SECOND.isoformat()]["bought_pairs"] > 50
    assert metrics["items"]["roc_auc"] > 0.85
    assert metrics["items"]["first_is_bought"] > 0.6
    pairs = pd.read_parquet(lake.current("evaluations", SECOND) / "item_scores.parquet")
    visitors = pd.read_parquet(lake.current("examples", SECOND) / "items")[["session", "item", "visitor"]]
    pairs = pairs.merge(visitors, on=["session", "item"], validate="one_to_one")
    together = Bootstrap(pairs["visitor"].to_numpy(str), settings.bootstrap_resamples, settings.seed)
    expected = measure(pairs["label"].to_numpy(float), pairs["score"].to_numpy(float), bootstrap=together)
    assert metrics["items"]["roc_auc_interval"] == pytest.approx(expected.roc_auc_interval)
    assert (
        items_manifest(candidate / "items", metrics["items"], ItemLimits())["metrics"]["roc_auc"]
        == metrics["items"]["roc_auc"]
    )

    rules = {rule["name"]: rule for rule in summary["gate"]["rules"]}
    for name in ("item_roc_auc", "item_choice", "item_choice_recent", "calibration_ratio", "progress 1 to 4"):
        assert rules[name]["passed"] and rules[name]["value"] is not None, rules[name]
    assert metrics["items"]["choices"]["first"] > metrics["items"]["choices"]["random"] + 0.2

    entries = read_entries(candidate / "model.zip") | item_entries(candidate / "items")
    inner = {k.removeprefix("leapline/items/"): v for k, v in entries.items() if k.startswith("leapline/items/")}
    assert specs.loads(inner["features.json"]).unit == "pair"
    write_entries(tmp_path / "items.zip", inner)
    assert read(tmp_path / "items.zip").root.op == "pipeline"

    spec = specs.load(candidate / "features.json")
    assert spec.vocabularies == {"items": ("i0",)}
    assert spec.tables["markov"]["item_view"]["item_view"] != 0
    assert read_json(candidate / "markov.json")["millionths"] == spec.tables["markov"]
    scores = pd.read_parquet(lake.current("evaluations", SECOND) / "scores.parquet")
    assert scores["session"].is_unique
    assert metrics["examples"] == len(scores)
    assert 0.5 < metrics["baseline_roc_auc"] < 1 and metrics["baseline_average_precision"] > 0
    assert scores["baseline"].between(0, 1).all()
    assert sum(row["examples"] for row in metrics["moments"]) > len(scores)

    examples = current_of(lake, "examples", SECOND)
    shuffle_rows(examples)
    data_seals.seal_again(lake, SECOND, examples, examples)
    import_module("leapline.steps.evaluate").run(settings, RunContext(SECOND, "t"))
    again = read_json(lake.current("evaluations", SECOND) / "metrics.json")
    assert again == metrics, "metrics depend on the order in which Spark wrote the examples"


def test_item_model_without_enough_bought_pairs_is_not_packaged(tmp_path: Path) -> None:
    write_json(tmp_path / "training.json", {"threshold": 0.5, "calibration": None})
    metrics = dict.fromkeys((*METRICS, "first_is_bought"), 0.5)
    assert items_manifest(tmp_path, None, ItemLimits()) is None
    assert items_manifest(tmp_path, metrics | {"positives": 19}, ItemLimits()) is None
    assert items_manifest(tmp_path, metrics | {"positives": 20}, ItemLimits()) is not None
    assert items_manifest(tmp_path, metrics | {"positives": 20}, ItemLimits(positives=21)) is None
