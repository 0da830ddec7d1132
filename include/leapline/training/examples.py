"""Build examples: what a session did before the checkout, and whether it bought.

The scorer is called while a session is in progress, so a model may learn only from what is known at that time. A
session is cut at the first sign of a checkout: a checkout or purchase event, or a view of the checkout or thanks page.
Features use only earlier events; the label is whether the session contains a purchase.

The scorer may be called at any time within a session, so one session yields several examples: all events before its cut
(the whole session, the only kind a model is evaluated on), and prefixes that end at an event chosen by a hash, which is
the same on every run, in any order of rows and on any number of machines.

Measured on a generated day with three training days (the best possible ROC AUC of whole sessions was 0.9407): with 1,
2 and 3 examples per session the ROC AUC of whole sessions was 0.9384, 0.9357 and 0.9264, and the log loss of prefixes
0.285, 0.231 and 0.229, where a constant forecast of the prevalence has 0.270. The default is therefore 2: a model
fitted on whole sessions alone is not calibrated while a session is in progress."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import broadcast, expr

from leapline.events.cleaner.program import PROGRAMS, program_for
from leapline.events.cleaner.stages import table_of
from leapline.features import operations as ops
from leapline.features.fitted import CLICKS, POPULAR, STATES, from_clicks_text
from leapline.features.spec import FeatureSpec, scope_of

KEYS = ("session", "cut")
"""Key of an example of a session: its name, and how many of its events the example contains."""
PAIR_KEYS = ("session", "item")
"""Key of an example of a session-item pair."""
VISIT_COLUMNS = ("visitor", "start_ts", "device", "new_visitor")
"""Columns that identify and slice examples; not features."""
CONTEXT_COLUMNS = (*VISIT_COLUMNS, "whole", "label")
"""Further columns of a session's examples: whether all events before the checkout are in it, and the label."""
_TYPES: Final = {
    "session": "string", "item": "string", "cut": "int", "visitor": "string", "start_ts": "timestamp",
    "device": "string", "new_visitor": "boolean", "whole": "boolean", "label": "int",
}  # fmt: skip
# As in `include/cleaner/internal/examples/sessions.go`.
_EVENTS: Final = (
    "session", "visitor", "event_id", "unix_micros(ts) AS ts", "kind", "page", "item", "category", "price", "quantity",
    "device", "referrer", "session_index",
)  # fmt: skip
_LARGE: Final = str(2**50)
_WHOLE_FILES: Final = {"spark.sql.files.maxPartitionBytes": _LARGE, "spark.sql.files.openCostInBytes": _LARGE}


@contextmanager
def whole_files(spark: SparkSession) -> Iterator[None]:
    """Let Spark read each file in a partition of its own in the block.

    The sessions in a file of clean events are complete, and sorted by time: nothing has to be shuffled.
    """
    before = {name: str(spark.conf.get(name)) for name in _WHOLE_FILES}
    for name, value in _WHOLE_FILES.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.set(name, value)


def session_examples(
    events: DataFrame, spec: FeatureSpec, per_session: int = 1, programs: Path = PROGRAMS
) -> DataFrame:
    """Build the examples of whole sessions and of prefixes.

    Args:
        events: clean events; a partition has complete sessions, each sorted by time and id (see `whole_files`).
        spec: the features, of unit `session`.
        per_session: maximum number of examples per session, including the whole session; there are fewer if the hash
            selects the same prefix twice or the session has fewer events.
        programs: the folder with the program for each kind of machine.

    Returns:
        One row per example: `session`, `cut`, `visitor`, `start_ts`, `device`, `new_visitor`, `whole`, `label`, then
        the features, with the raw inputs of those that are to be fitted, and the session's states. A session that
        begins with its cut has none.
    """
    columns = {**_typed(KEYS), **_typed(CONTEXT_COLUMNS), **_feature_columns(spec), STATES: "string"}
    return _examples(events, spec, {"per_session": per_session}, columns, programs)


def pair_examples(events: DataFrame, spec: FeatureSpec, programs: Path = PROGRAMS) -> DataFrame:
    """Build the examples of session-item pairs from all events before the checkout.

    Args:
        events: as for `session_examples`.
        spec: the features, of unit `pair`.
        programs: the folder with the program for each kind of machine.

    Returns:
        One row per pair: `session`, `item`, `visitor`, `start_ts`, `device`, `new_visitor`, `label` (1 if the session
        buys the item), then the features: those of scope `session` last, and the raw inputs of those to be fitted.
    """
    columns = {**_typed(PAIR_KEYS), **_typed(VISIT_COLUMNS), **_typed(("label",)), **_feature_columns(spec)}
    return _examples(events, spec, {}, columns | ({STATES: "string"} if spec.has_markov else {}), programs)


def _typed(names: tuple[str, ...]) -> dict[str, str]:
    return {name: _TYPES[name] for name in names}


def _feature_columns(spec: FeatureSpec) -> dict[str, str]:
    """Return column -> type of the features that need no fitting, and of the clicks that vocabularies are fitted to."""
    features = [f for f in spec.features if not isinstance(f, ops.Popular | ops.Markov)]
    if spec.unit == "pair":
        features.sort(key=lambda feature: scope_of(feature) == "session")
    types = {feature.name: "string" if feature.is_categorical() else "double" for feature in features}
    return types | {f"{POPULAR}{name}": CLICKS for name in spec.popular}


def _examples(
    events: DataFrame, spec: FeatureSpec, options: Mapping[str, Any], columns: Mapping[str, str], programs: Path
) -> DataFrame:
    program = program_for(events.sparkSession, programs)
    sent = {name: "string" if type_ == CLICKS else type_ for name, type_ in columns.items()}
    table = table_of("examples", events.selectExpr(*_EVENTS), {"features": spec.dumps(), **options}, program, sent)
    clicks = {name: from_clicks_text(name) for name, type_ in columns.items() if type_ == CLICKS}
    return table.withColumns(clicks) if clicks else table


def without_visitors_of(training: DataFrame, holdout: DataFrame) -> DataFrame:
    """Remove training examples of visitors in the holdout, so that no visitor is in both."""
    return training.join(broadcast(holdout.select("visitor").distinct()), "visitor", "left_anti").select(
        *training.columns
    )


def split_by_time(examples: DataFrame, share: float = 0.7) -> tuple[DataFrame, DataFrame]:
    """Split one day's sessions by start time: the first `share` for training, the rest as holdout.

    The boundary is a timestamp, so that sessions with the same start stay together; the share is exact up to such ties.
    """
    starts = examples.selectExpr("session", "unix_micros(start_ts) AS start").distinct()
    boundary = starts.select(expr(f"percentile_disc({share}) WITHIN GROUP (ORDER BY start)")).head()
    micros = boundary[0] if boundary else None
    before = "false" if micros is None else f"unix_micros(start_ts) <= {micros}"
    return examples.where(before), examples.where(f"NOT ({before})")
