"""Every count in summaries, metrics, verdict and card equals the count computed from the lake's events with pandas."""

import json
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leapline.errors import NotInLakeError
from leapline.records import model_record
from leapline.runtime.context import RunContext
from leapline.settings import Settings
from leapline.storage import Lake, read_json
from tests.lakes import current_of, folder_of
from tests.steps import shop
from tests.steps.nights import few_features

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark")]
FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
CHECKOUT = ("checkout", "purchase", "purchase_item")
SHARED_VISITORS, AT_CHECKOUT = 25, 7


def add_day(lake: Lake, day: date) -> None:
    """Add a day with visitors that are on every day, and with sessions that begin at the checkout."""
    shop.open_day(lake, day, 700)
    path = next(current_of(lake, "events", day).glob("events/*.parquet"))
    events = pd.read_parquet(path)
    number = events["visitor"].str[-5:].astype(int)
    events["visitor"] = events["visitor"].where(number >= SHARED_VISITORS, "shared-" + number.astype(str))
    direct = events.groupby("session").head(1).head(AT_CHECKOUT).assign(kind="checkout", item=None)
    direct = direct.assign(session=direct["session"] + "-x", event_id=direct["event_id"] + "-x")
    pd.concat([events, direct]).to_parquet(path, index=False, coerce_timestamps="us")


class Counted:
    """The sessions of a day, counted with pandas."""

    def __init__(self, lake: Lake, day: date, without_visitors: frozenset[str] = frozenset()) -> None:
        events = pd.read_parquet(lake.current("events", day) / "events")
        self.clean_sessions = events["session"].nunique()
        at_checkout = events[events["kind"].isin(CHECKOUT) | events["page"].isin(["checkout", "thanks"])]
        cut = events["session"].map(at_checkout.groupby("session")["ts"].min())
        before = events[cut.isna() | (events["ts"] < cut)]
        before = before[~before["visitor"].isin(without_visitors)]
        self.visitors = frozenset(before["visitor"])
        self.sessions = before["session"].nunique()
        buying = set(events.loc[events["kind"].isin(["purchase", "purchase_item"]), "session"])
        self.buying = len(buying & set(before["session"]))
        examples = pd.read_parquet(lake.current("examples", day) / "examples")
        examples = examples[~examples["visitor"].isin(without_visitors)]
        self.examples, self.buying_examples = len(examples), int(examples["label"].sum())
        pairs = before[before["kind"].isin(["item_view", "cart_add", "cart_remove"]) & before["item"].notna()]
        self.pairs = len(pairs[["session", "item"]].drop_duplicates())


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[str, Any]]:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for day in (FIRST, SECOND):
        add_day(lake, day)
    settings = few_features(
        Settings(
            home=folder_of(lake),
            training_days=1,
            forest_trees=4,
            forest_depth=4,
            bootstrap_resamples=100,
            compare_champion=False,
        )
    )
    steps = ("featurize", "train", "evaluate", "gate")
    context = RunContext(SECOND, "t")
    return lake, {step: import_module(f"leapline.steps.{step}").run(settings, context) for step in steps}


@pytest.fixture(scope="module")
def holdout(finished_run: tuple[Lake, dict[str, Any]]) -> Counted:
    return Counted(finished_run[0], SECOND)


@pytest.fixture(scope="module")
def training(finished_run: tuple[Lake, dict[str, Any]], holdout: Counted) -> Counted:
    return Counted(finished_run[0], FIRST, without_visitors=holdout.visitors)


def test_counts_of_featurize_add_up(finished_run: tuple[Lake, dict[str, Any]], holdout: Counted) -> None:
    counts = finished_run[1]["featurize"][SECOND.isoformat()]
    assert counts["clean_sessions"] == holdout.clean_sessions == counts["starting_at_checkout"] + counts["sessions"]
    assert counts["starting_at_checkout"] == AT_CHECKOUT
    assert counts["sessions"] == holdout.sessions
    assert counts["examples"] == holdout.examples == counts["sessions"] + counts["prefixes"] > counts["sessions"]
    assert counts["buying_sessions"] == counts["positives"] == holdout.buying
    assert counts["buying_examples"] == holdout.buying_examples > holdout.buying
    assert counts["pairs"] == holdout.pairs


def test_training_counts_sessions_and_examples(finished_run: tuple[Lake, dict[str, Any]], training: Counted) -> None:
    lake, summaries = finished_run
    for counts in (summaries["train"], read_json(lake.current("candidates", SECOND) / "training.json")):
        assert (counts["sessions"], counts["buying_sessions"]) == (training.sessions, training.buying)
        assert (counts["examples"], counts["positives"]) == (training.examples, training.buying_examples)
    assert training.sessions < Counted(lake, FIRST).sessions, "visitors of the holdout are left out"


def test_metrics_count_each_session_of_the_holdout_once(
    finished_run: tuple[Lake, dict[str, Any]], holdout: Counted
) -> None:
    lake, summaries = finished_run
    metrics = read_json(lake.current("evaluations", SECOND) / "metrics.json")
    for counts in (summaries["evaluate"], metrics):
        assert (counts["examples"], counts["positives"]) == (holdout.sessions, holdout.buying)
    for by in ("device", "visitor", "hour"):
        parts = [part for part in metrics["slices"] if part["by"] == by]
        assert sum(part["examples"] for part in parts) == holdout.sessions
        assert sum(part["positives"] for part in parts) == holdout.buying
    assert sum(row["examples"] for row in metrics["moments"]) == holdout.examples
    assert sum(row["positives"] for row in metrics["moments"]) == holdout.buying_examples
    assert read_json(lake.current("evaluations", SECOND) / "probe_rows.json")["holdout"] == holdout.sessions


@pytest.mark.parametrize("key", ["calibration_ratio", "difference_interval"])
def test_evaluation_of_an_earlier_version_has_to_be_repeated(
    finished_run: tuple[Lake, dict[str, Any]], key: str
) -> None:
    path = current_of(finished_run[0], "evaluations", SECOND) / "metrics.json"
    before = path.read_bytes()
    content = read_json(path)
    for part in (content, *content["moments"]):
        part.pop(key, None)
    path.write_text(json.dumps(content))
    try:
        with pytest.raises(
            NotInLakeError, match=f"earlier version, without '{key}'.*leapline evaluate --date 2026-03-02"
        ):
            model_record.read(finished_run[0], SECOND)
    finally:
        path.write_bytes(before)


def test_verdict_counts_sessions(finished_run: tuple[Lake, dict[str, Any]], holdout: Counted) -> None:
    rules = {rule["name"]: rule for rule in finished_run[1]["gate"]["rules"]}
    assert rules["positives"]["value"] == holdout.buying
    assert rules["negatives"]["value"] == holdout.sessions - holdout.buying
    assert rules["positives"]["why"].startswith(f"buying sessions in the holdout: {holdout.buying} ")


def test_card_shows_the_same_counts(
    finished_run: tuple[Lake, dict[str, Any]], training: Counted, holdout: Counted
) -> None:
    text = Path(finished_run[1]["gate"]["card"]).read_text()
    for part, day, counted in (("training", FIRST, training), ("holdout", SECOND, holdout)):
        share = f"{100 * counted.buying / counted.sessions:.1f} %"
        examples = (
            (counted.examples, counted.buying_examples) if part == "training" else (counted.sessions, counted.buying)
        )
        sessions = f"{counted.sessions:,} | {counted.buying:,} | {share}"
        assert f"| {part} | {day} | {sessions} | {examples[0]:,} | {examples[1]:,} |" in text
