"""The sessions that an image must score like Spark: their events, stored with the evaluation for the probe."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from leapline.modelling.day_data import DayData
from leapline.modelling.examples import SCORE
from leapline.modelling.item_model import SCORES
from leapline.serving.client import as_session
from leapline.serving.session_probe import Sample
from leapline.storage import Folder, read_json

ROWS, EVENTS = "probe_rows.json", "probe_events"


def write_events(data: DayData, out: Path) -> None:
    """Write the clean events of the sessions in `out / ROWS`: one sorted file.

    Raises:
        NotInLakeError: the day was not extracted.
    """
    import pyarrow as pa
    from pyspark.sql.functions import broadcast

    names = pa.table({"session": read_json(out / ROWS)["sessions"]}, pa.schema([("session", pa.string())]))
    chosen = data.events().join(broadcast(data.spark.createDataFrame(names)), "session", "left_semi")
    chosen.coalesce(1).sortWithinPartitions("session", "ts", "event_id").write.parquet(data.lake.address(out, EVENTS))


def read_sample(evaluation: Folder, columns: Sequence[str], manifest: Mapping[str, Any]) -> Sample:
    """Return the sessions with the features of their examples, and Spark's probability of each session and item.

    Args:
        evaluation: folder written by the step `evaluate`.
        columns: the features' names.
        manifest: of the archive: the calibration of both models.
    """
    import numpy as np
    import pyarrow.parquet as pq

    from leapline.evaluation.metrics import calibrate

    rows = read_json(evaluation / ROWS)
    events: dict[str, list[dict[str, Any]]] = {}
    if (evaluation / EVENTS).exists():
        table = pq.read_table(evaluation / EVENTS).to_pylist()
        for name, of_session in groupby(table, lambda event: str(event["session"])):
            events[name] = list(of_session)
    names = [name for name in rows.get("sessions", []) if name in events]
    probabilities = calibrate(np.array(rows["expected"], dtype=float), manifest["calibration"]).tolist()
    items = _item_probabilities(evaluation, names, manifest.get("items"))
    return Sample(
        [as_session(events[name]) for name in names],
        [{name: row[name] for name in columns} for row in rows["rows"]],
        probabilities,
        rows.get("holdout", len(probabilities)),
        [items.get(name, {}) for name in names],
    )


def _item_probabilities(
    evaluation: Folder, names: Sequence[str], model: Mapping[str, Any] | None
) -> dict[str, dict[str, float]]:
    """Return session -> item -> calibrated probability; empty without an item model."""
    if not model or not (evaluation / SCORES).exists():
        return {}
    import pandas as pd

    from leapline.evaluation.metrics import calibrate

    scored = pd.read_parquet(evaluation / SCORES, filters=[("session", "in", list(names))])
    values = calibrate(scored[SCORE].to_numpy(float), model["calibration"]).tolist()
    probabilities: dict[str, dict[str, float]] = {}
    for session, item, value in zip(scored["session"], scored["item"], values, strict=True):
        probabilities.setdefault(session, {})[item] = value
    return probabilities
