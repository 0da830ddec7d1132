"""The sessions that an image has to score as Spark did: their events, kept beside the evaluation for the probe."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.modelling.examples import SCORE
from leapline.modelling.item_model import SCORES
from leapline.serving.client import as_session
from leapline.serving.session_probe import Sample
from leapline.storage import Lake, read_json

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS, EVENTS = "probe_rows.json", "probe_events"


def write_events(spark: "SparkSession", lake: Lake, day: date, out: Path) -> None:
    """Keep the clean events of the sessions that the rows in `out` are of: one file, in order.

    Raises:
        NotInLakeError: the day was not extracted.
    """
    import pyarrow as pa
    from pyspark.sql.functions import broadcast

    names = pa.table({"session": read_json(out / ROWS)["sessions"]}, pa.schema([("session", pa.string())]))
    events = spark.read.parquet(str(lake.current("events", day) / "events"))
    chosen = events.join(broadcast(spark.createDataFrame(names)), "session", "left_semi")
    chosen.coalesce(1).sortWithinPartitions("session", "ts", "event_id").write.parquet(str(out / EVENTS))


def read_sample(evaluation: Path, columns: Sequence[str], manifest: Mapping[str, Any]) -> Sample:
    """The sessions, and Spark's features and probability of each, and of each of their items.

    Args:
        evaluation: as `jobs.evaluate` left it.
        columns: the features' names.
        manifest: the archive's: how probabilities are calibrated, and whether there is a model of items.
    """
    import numpy as np
    import pyarrow.parquet as pq

    from leapline.evaluation.metrics import calibrate

    found = read_json(evaluation / ROWS)
    events: dict[str, list[dict[str, Any]]] = {}
    if (evaluation / EVENTS).exists():
        for name, rows in groupby(pq.read_table(evaluation / EVENTS).to_pylist(), lambda row: str(row["session"])):
            events[name] = list(rows)
    names = [name for name in found.get("sessions", []) if name in events]
    buys = calibrate(np.array(found["expected"], dtype=float), manifest["calibration"]).tolist()
    features = [{name: row[name] for name in columns} for row in found["rows"]]
    items = _items(evaluation, names, manifest.get("items"))
    return Sample(
        [as_session(events[name]) for name in names], features, buys, found.get("holdout", len(buys)),
        [items.get(name, {}) for name in names],
    )  # fmt: skip


def _items(evaluation: Path, names: Sequence[str], model: Mapping[str, Any] | None) -> dict[str, dict[str, float]]:
    """By session, each item's calibrated probability; nothing without a model of items."""
    if not model or not (evaluation / SCORES).exists():
        return {}
    import pandas as pd

    from leapline.evaluation.metrics import calibrate

    scored = pd.read_parquet(evaluation / SCORES, filters=[("session", "in", list(names))])
    buys = calibrate(scored[SCORE].to_numpy(float), model["calibration"]).tolist()
    found: dict[str, dict[str, float]] = {}
    for session, item, buy in zip(scored["session"], scored["item"], buys, strict=True):
        found.setdefault(session, {})[item] = buy
    return found
