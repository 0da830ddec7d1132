"""Nights of a small shop: an installation with its registry, the steps of a day, the first champion, and copies."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from leapline.features import spec as specs
from leapline.local.registry_service import LocalRegistry
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake
from tests.conftest import ROOT
from tests.ports import free_address
from tests.steps import shop

FIRST, SECOND, THIRD, FOURTH, FIFTH = (date(2026, 3, day) for day in range(1, 6))
JUDGE = ("train", "evaluate", "gate")
SHIP = ("package", "probe", "publish", "promote")
FEATURES: Final = (
    "n_events", "n_item_views", "n_searches", "n_cart_adds", "length_s", "start_hour", "session_index",
    "top_item_share", "since_cart_add_s", "device_type", "referrer_medium",
)  # fmt: skip
"""The shop's features; few, because Spark compiles each."""


@contextmanager
def installation(folder: Path, *days: date) -> Iterator[Settings]:
    """Provide an installation with the shop's events of some days, and a running registry."""
    if not (ROOT / ".local/bin/registry").exists():
        pytest.skip("TOOLS ABSENT: `make setup` puts the registry, crane and the scorer into .local")
    local = LocalRegistry(folder / "registry", ROOT / ".local/bin/registry", free_address())
    try:
        yield _settings(folder, local.start().address, days)
    finally:
        local.stop()


def _settings(folder: Path, address: str, days: Sequence[date]) -> Settings:
    settings = Settings(
        home=folder / "lake", tools=ROOT / ".local", registry=address, training_days=1, probe_rows=1000,
        forest_trees=8, forest_depth=5, roc_auc_threshold=0.6, min_precision_lift=1, bootstrap_resamples=300,
        champion_margin=0.06, min_baseline_gain=-1, max_importance=1, max_calibration_error=0.2, min_slice_roc_auc=0,
        champion_precision_margin=0.3, max_calibration_ratio=2, max_progress_loss=1, min_progress_roc_auc=0,
        best_champion_margin=0.06, spark_shuffle_partitions=2,
    )  # fmt: skip
    for day in days:
        shop.open_day(Lake(settings.home), day)
    return few_features(settings)


def copy_of(settings: Settings, folder: Path) -> Settings:
    """Copy an installation's lake into a new folder; the registry is shared."""
    shutil.copytree(settings.home, folder / "lake")
    return settings.model_copy(update={"home": folder / "lake"})


def do(settings: Settings, day: date, *steps: str, backfill: bool = False) -> dict[str, Any]:
    """The steps' summaries; each step is the real one."""
    run = RunContext(day, f"run-{day}", backfill)
    return {step: import_module(f"leapline.steps.{step}").run(settings, run) for step in steps}


def few_features(settings: Settings) -> Settings:
    """The settings with the features of this shop alone, of sessions and of pairs."""
    pairs = settings.home / "pair_features.json"
    items = specs.default(specs.DEFAULT_ITEMS)
    # Nobody buys an item in this shop, so it has no item model; the pairs are built all the same.
    pairs.write_text(items.model_copy(update={"features": items.features[:2]}).dumps())
    return with_features(settings, spec_of(FEATURES)).model_copy(update={"item_features": pairs})


def spec_of(names: tuple[str, ...]) -> specs.FeatureSpec:
    """The built-in spec with these features alone."""
    features = tuple(feature for feature in specs.default().features if feature.name in names)
    return specs.FeatureSpec(version=1, unit="session", features=features)


def with_features(settings: Settings, spec: specs.FeatureSpec) -> Settings:
    """The settings of a shop with features of its own."""
    path = settings.home / f"features_{len(spec.features)}.json"
    path.write_text(spec.dumps())
    return settings.model_copy(update={"features": path})


def first_night(settings: Settings) -> dict[str, Any]:
    """Train, judge and promote the shop's first champion, which knows one of three reasons to buy."""
    return do(shop.knowing(settings, shop.one_reason), SECOND, "featurize", *JUDGE, *SHIP)


def rules(summary: dict[str, Any]) -> dict[str, str]:
    """The rules that failed, with their reasons."""
    return {rule["name"]: rule["why"] for rule in summary["gate"]["rules"] if not rule["passed"]}
