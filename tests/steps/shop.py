"""A small shop: clean events whose purchases depend on three features, and pipelines that use one, two or all of
them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leapline.settings import Settings
from leapline.storage import Lake, write_json
from leapline.storage.seal import seal_digest, write_data_seal
from tests.lakes import current_of

if TYPE_CHECKING:
    from pyspark.ml import Pipeline

REASONS = {"n_item_views": "item_view", "n_searches": "search", "n_cart_adds": "cart_add"}
ORDER = ("item_view", "search", "cart_add", "other", "checkout", "purchase")


def open_day(lake: Lake, day: date, sessions: int = 2000, files: int = 1, **odd: Any) -> None:
    """Write a day's checked events into the lake, in several files with a random order of sessions; `odd` as in
    `events`."""
    table = events(day, sessions, **odd).set_index("session", drop=False)
    names = table["session"].unique()
    order = np.random.default_rng(files).permutation(names) if files > 1 else names
    with lake.attempt("events", day) as out:
        (out / "events").mkdir()
        for number, part in enumerate(np.array_split(order, files)):
            path = out / "events" / f"part-{number}.parquet"
            table.loc[part].to_parquet(path, index=False, coerce_timestamps="us")
    with lake.attempt("checks", day) as out:
        write_json(out / "result.json", {"passed": True})


def seal_day(lake: Lake, day: date) -> None:
    """Seal a day's events and checks, as the steps that write them do."""
    events = current_of(lake, "events", day)
    write_data_seal(lake, events, ["events"], {})
    write_data_seal(lake, current_of(lake, "checks", day), [], {f"events/{day}": seal_digest(events)})


def events(day: date, sessions: int, *, leak: bool = False, broken_device: str = "") -> pd.DataFrame:
    """Return clean events.

    Args:
        day: on which all sessions begin; also the seed.
        sessions: their number; a visitor has two.
        leak: whether exactly the buying sessions have an event of kind `other` before the checkout.
        broken_device: on this device, behaviour is independent of the purchase.
    """
    rng = np.random.default_rng(day.toordinal())
    intents = rng.normal(size=(sessions, len(REASONS)))
    bought = rng.random(sessions) < 1 / (1 + np.exp(3.2 - 1.8 * intents.sum(axis=1)))
    device = rng.choice(["Mobile", "Computer", "Tablet"], size=sessions, p=[0.5, 0.3, 0.2])
    shown = np.where((device == broken_device)[:, None], rng.normal(size=intents.shape), intents)
    counts = dict(zip(REASONS.values(), rng.poisson(np.exp(1.0 + 0.9 * shown)).clip(max=40).T, strict=True))
    counts["item_view"] += 1
    counts |= {"other": bought * int(leak), "checkout": bought * 1, "purchase": bought * 1}
    which = np.concatenate([np.repeat(np.arange(sessions), counts[kind]) for kind in ORDER])
    kinds = np.concatenate([np.full(counts[kind].sum(), kind) for kind in ORDER])
    frame = pd.DataFrame({"which": which, "kind": kinds}).sort_values("which", kind="stable", ignore_index=True)
    number = frame.groupby("which").cumcount()
    start = pd.Timestamp(day, tz="UTC") + pd.to_timedelta(rng.integers(0, 86_400, size=sessions), unit="s")
    at = start[frame["which"]] + pd.to_timedelta(number * 7, unit="s").to_numpy()
    shopper = frame["which"] // 2
    return pd.DataFrame(
        {
            "event_id": [f"{day}-{i:06d}" for i in range(len(frame))],
            "session": [f"{day}-s{i:05d}" for i in frame["which"]],
            "visitor": [f"{day}-v{i:05d}" for i in shopper],
            "ts": at,
            "collector_ts": at,
            "kind": frame["kind"],
            "page": pd.Series(None, index=frame.index, dtype="string"),
            "item": pd.Series(np.where(frame["kind"] == "item_view", "i1", None), dtype="string"),
            "category": pd.Series(None, index=frame.index, dtype="string"),
            "price": np.full(len(frame), np.nan),
            "quantity": pd.array([None] * len(frame), dtype="Int32"),
            "device": device[frame["which"]],
            "referrer": "search",
            "session_index": (frame["which"] % 2 + 1).astype("int32"),
        }
    )


def _pipeline(features: Sequence[str], settings: Settings) -> "Pipeline":
    from leapline.training.forest import default_pipeline

    return default_pipeline(list(features), [], settings)


def no_reason(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Return a pipeline with features that are independent of the purchase."""
    return _pipeline(["start_hour", "session_index"], settings)


def one_reason(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Return a pipeline with the views only."""
    return _pipeline(list(REASONS)[:1], settings)


def two_reasons(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Return a pipeline with views and searches."""
    return _pipeline(list(REASONS)[:2], settings)


def all_reasons(numeric: Sequence[str], categorical: Sequence[str], settings: Settings) -> "Pipeline":
    """Return a pipeline with all features."""
    return _pipeline(list(numeric), settings)


def knowing(settings: Settings, pipeline: Any, **change: Any) -> Settings:
    """Return the settings with another pipeline, and further changes."""
    update: Mapping[str, Any] = {"pipeline": f"{pipeline.__module__}:{pipeline.__name__}", **change}
    return settings.model_copy(update=dict(update))
