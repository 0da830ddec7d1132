"""Unusual days and mistakes in a site's files end in one message with the fix."""

from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leapline.errors import BalanceError, InputError, NoEventsError, SpecError, TrainingError
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake
from tests.lakes import current_of
from tests.steps import shop

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
KEY = "a key for tests, of at least 32 bytes"


def step(name: str, settings: Settings) -> dict[str, Any]:
    summary: dict[str, Any] = import_module(f"leapline.steps.{name}").run(settings, RunContext(SECOND, "t"))
    return summary


@pytest.mark.parametrize("setting", ["features", "item_features", "event_mapping"])
@pytest.mark.parametrize("text", [None, "{", '{"version": 1, "unit": "session", "features": 3}'])
def test_malformed_file_is_named_before_spark_starts(tmp_path: Path, setting: str, text: str | None) -> None:
    path = tmp_path / "own.json"
    if text is not None:
        path.write_text(text)
    # If Spark started, it would fail with another error.
    settings = Settings(home=tmp_path, pseudonym_key=KEY, spark_master="nowhere", **{setting: path})
    with pytest.raises(SpecError, match=r"own\.json") as caught:
        step("extract", settings)
    assert "\n" not in str(caught.value)


def test_feature_spec_with_a_wrong_value_is_named_by_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(
        '{"version": 1, "unit": "session", "features": [\n {"name": "n", "op": "count", "pages": ["thanks"]}]}'
    )
    with pytest.raises(
        SpecError, match=r"own.json, line 2, feature n, field pages.0: found \"thanks\"; expected 'home'"
    ):
        step("featurize", Settings(home=tmp_path, features=path))


def test_empty_landing_folder_fails(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    with pytest.raises(NoEventsError, match="2026-03-02"):
        step("extract", Settings(home=tmp_path, pseudonym_key=KEY, training_days=0))


@pytest.mark.spark
def test_days_without_purchases_cannot_train(tmp_path: Path, spark: Any) -> None:
    lake = Lake(tmp_path)
    for day in (FIRST, SECOND):
        shop.open_day(lake, day, 100)
        path = next(current_of(lake, "events", day).glob("events/*.parquet"))
        events = pd.read_parquet(path)
        events[events["kind"] != "purchase"].to_parquet(path, index=False, coerce_timestamps="us")
    settings = Settings(home=tmp_path, training_days=1, forest_trees=2)
    assert step("featurize", settings)[SECOND.isoformat()]["positives"] == 0
    with pytest.raises(TrainingError, match="none of them with label 1.*Train on more days"):
        step("train", settings)
    assert not lake.has("candidates", SECOND)


def spread_over_files(events: pd.DataFrame, path: Path) -> None:
    for number in (0, 1):
        part = path.with_name(f"every-other-{number}.parquet")
        events[number::2].to_parquet(part, index=False, coerce_timestamps="us")
    path.unlink()


def scatter_within_the_file(events: pd.DataFrame, path: Path) -> None:
    events.sample(frac=1, random_state=1).to_parquet(path, index=False, coerce_timestamps="us")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("disorder", "error", "message"),
    [
        (
            spread_over_files,
            BalanceError,
            "expected at most the 50 sessions of the clean events, each in one file",
        ),
        (
            scatter_within_the_file,
            InputError,
            r"session \S+ are not .*; expected .* Run `leapline extract` for the day",
        ),
    ],
)
def test_sessions_that_are_not_whole_are_an_error(
    tmp_path: Path, spark: Any, disorder: Callable[[pd.DataFrame, Path], None], error: type[Exception], message: str
) -> None:
    lake = Lake(tmp_path)
    shop.open_day(lake, SECOND, 50)
    path = next(current_of(lake, "events", SECOND).glob("events/*.parquet"))
    disorder(pd.read_parquet(path), path)
    with pytest.raises(error, match=message):
        step("featurize", Settings(home=tmp_path, training_days=0))
    assert not lake.has("examples", SECOND)


@pytest.mark.spark
def test_longest_allowed_session_is_featurized(tmp_path: Path, spark: Any) -> None:
    """5,000 events on 2,500 items, the maximum that cleaning keeps."""
    lake = Lake(tmp_path)
    shop.open_day(lake, SECOND, 50)
    path = next(current_of(lake, "events", SECOND).glob("events/*.parquet"))
    events = pd.read_parquet(path)
    giant = events.iloc[[0] * 5000].reset_index(drop=True)
    giant = giant.assign(
        session="giant", kind="item_view", event_id=[f"g{i:05d}" for i in range(5000)],
        item=[f"g{i % 2500}" for i in range(5000)], category="c",
    )  # fmt: skip
    pd.concat([events, giant]).to_parquet(path, index=False, coerce_timestamps="us")
    step("featurize", Settings(home=tmp_path, training_days=0, examples_per_session=3))
    examples = lake.current("examples", SECOND)
    rows = pd.read_parquet(examples / "examples").query("session == 'giant'").set_index("cut").sort_index()
    assert len(rows) == 3 and rows.index[-1] == 5000
    assert rows["n_item_views"].to_dict() == {cut: float(cut) for cut in rows.index}
    assert rows.loc[5000, "unique_items"] == 2500
    pairs = pd.read_parquet(examples / "items").query("session == 'giant'")
    assert len(pairs) == 2500 and (pairs["n_views"] == 2).all()
