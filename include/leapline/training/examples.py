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

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, expr

from leapline.features.compile import (
    EVENT_ORDER_COLUMNS,
    WHOLE_SESSION,
    RowLayout,
    number_events,
    raw_session_features,
)
from leapline.features.pairs import raw_pair_features
from leapline.features.plan import BEFORE, ORDER
from leapline.features.spec import FeatureSpec

CUT_KINDS = ("checkout", "purchase", "purchase_item")
CUT_PAGES = ("checkout", "thanks")
PURCHASE_KINDS = ("purchase", "purchase_item")
KEYS = ("session", "cut")
"""Key of an example of a session: its name, and how many of its events the example contains."""
PAIR_KEYS = ("session", "item")
"""Key of an example of a session-item pair."""
VISIT_COLUMNS = ("visitor", "start_ts", "device", "new_visitor")
"""Columns that identify and slice examples; not features."""
CONTEXT_COLUMNS = (*VISIT_COLUMNS, "whole", "label")
"""Further columns of a session's examples: whether all events before the checkout are in it, and the label."""
BOUGHT_ITEMS = "bought_items"
# Carried column -> SQL of its value on the session's first event.
_CARRIED = {name: name for name in ("visitor", "device", "label", BOUGHT_ITEMS)} | {
    "start_ts": "ts",
    "new_visitor": "coalesce(session_index = 1, false)",
}


def cut_and_label(events: DataFrame) -> DataFrame:
    """Remove the events at and after each session's cut, and add its label.

    Args:
        events: clean events of complete sessions.

    Returns:
        The events before the session's cut, with the same columns and, constant per session, `label` (1 if the session
        buys) and `bought_items`; also `compile.EVENT_ORDER_COLUMNS`. A session that begins with its cut has no events
        left and is absent.
    """
    cut = f"kind IN {CUT_KINDS} OR coalesce(page IN {CUT_PAGES}, false)"
    # The same window as in the features: Spark shuffles and sorts once for both.
    marked = events.selectExpr(
        "*",
        f"min(CASE WHEN {cut} THEN ts END) {WHOLE_SESSION} AS cut_ts",
        f"max(CASE WHEN kind IN {PURCHASE_KINDS} THEN 1 ELSE 0 END) {WHOLE_SESSION} AS label",
        f"collect_set(CASE WHEN kind = 'purchase_item' THEN item END) {WHOLE_SESSION} AS {BOUGHT_ITEMS}",
        *EVENT_ORDER_COLUMNS,
    )
    return marked.where("cut_ts IS NULL OR ts < cut_ts").drop("cut_ts")


def example_events(events: DataFrame, per_session: int = 1) -> DataFrame:
    """Return the numbered, labelled events that the examples of sessions and of pairs are both built from.

    Args:
        events: clean events of complete sessions.
        per_session: maximum number of examples per session, including the whole session; there are fewer if the hash
            selects the same prefix twice or the session has fewer events.
    """
    return number_events(cut_and_label(events), _CARRIED, _hashed_prefixes(per_session))


@contextmanager
def persisted_example_events(events: DataFrame, per_session: int = 1) -> Iterator[DataFrame]:
    """Persist `example_events` on the executors' disks for the block: sorting and windows are the expensive part."""
    numbered = example_events(events, per_session)
    numbered.persist(StorageLevel.DISK_ONLY)
    try:
        yield numbered
    finally:
        numbered.unpersist()


def _hashed_prefixes(per_session: int) -> list[tuple[str, str]]:
    """Return SQL for prefixes that end before the event with the smallest hash, all computed in one pass."""
    # The prefix before the first event is empty: its hash is null, which min_by ignores.
    hashes = (f"CASE WHEN {ORDER} > 1 THEN xxhash64(session, event_id, {n}) END" for n in range(1, per_session))
    return [
        (f"min_by({ORDER} - 1, {chosen}) {WHOLE_SESSION}", f"min_by({BEFORE}, {chosen}) {WHOLE_SESSION}")
        for chosen in hashes
    ]


def session_examples(numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Build the examples of whole sessions and of prefixes.

    Args:
        numbered: as returned by `example_events`.
        spec: the features, of unit `session`.

    Returns:
        One row per example: `session`, `cut`, `visitor`, `start_ts`, `device`, `new_visitor`, `whole`, `label`, then
        the features, with the raw inputs of those that are to be fitted, and the session's states.
    """
    layout = RowLayout((*VISIT_COLUMNS, "label"), prefixes=True, states=True)
    table = raw_session_features(numbered, spec, layout)
    head = (*KEYS, *CONTEXT_COLUMNS)
    return table.select(*head, *(name for name in table.columns if name not in head))


def pair_examples(numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Build the examples of session-item pairs from all events before the checkout.

    Args:
        numbered: as returned by `example_events`.
        spec: the features, of unit `pair`.

    Returns:
        One row per pair: `session`, `item`, `visitor`, `start_ts`, `device`, `new_visitor`, `label` (1 if the session
        buys the item), then the features.
    """
    table = raw_pair_features(numbered, spec, RowLayout((*VISIT_COLUMNS, BOUGHT_ITEMS)))
    head = {"session", "_item", *VISIT_COLUMNS, BOUGHT_ITEMS}
    label = f"CAST(array_contains({BOUGHT_ITEMS}, _item) AS INT) AS label"
    features = (name for name in table.columns if name not in head)
    return table.selectExpr("session", "_item AS item", *VISIT_COLUMNS, label, *features)


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
