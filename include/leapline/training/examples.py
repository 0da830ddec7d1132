"""Examples: what a session had done before the checkout, and whether it bought.

The model is asked while the visit goes on, so it may learn only from what can be known then. A session is cut at its
first sign of a checkout: a checkout or purchase event, or a view of the checkout or thanks page. Nothing at that
moment or later is seen by a feature; the label says whether a purchase stands in the session at all."""

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, expr

CUT_KINDS = ("checkout", "purchase", "purchase_item")
CUT_PAGES = ("checkout", "thanks")
BOUGHT = ("purchase", "purchase_item")
# Beside the features: who and when, what the slices are made of, and the label.
DESCRIBING = ("visitor", "start_ts", "device", "new_visitor", "label")

_ORDER = "PARTITION BY session ORDER BY ts, event_id"
_WHOLE = f"OVER ({_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
_FIRST = f"OVER ({_ORDER})"


def cut_and_label(events: DataFrame) -> DataFrame:
    """The events that a model may see, each with its session's label.

    Args:
        events: clean events of whole sessions.

    Returns:
        The events before the session's cut, in the same columns, and further, one value a session: `label` (1 if the
        session buys), `start_ts` (its first event's time) and `new_visitor` (whether it is the visitor's first). A
        session that begins with its cut has no events left and is not in the result."""
    cut = f"kind IN {CUT_KINDS} OR coalesce(page IN {CUT_PAGES}, false)"
    # The same window as the features': Spark shuffles and sorts once for both.
    marked = events.selectExpr(
        "*",
        f"min(CASE WHEN {cut} THEN ts END) {_WHOLE} AS cut_ts",
        f"max(CASE WHEN kind IN {BOUGHT} THEN 1 ELSE 0 END) {_WHOLE} AS label",
        f"first_value(ts) {_FIRST} AS start_ts",
        f"coalesce(first_value(session_index) {_FIRST} = 1, false) AS new_visitor",
        f"first_value(visitor) {_FIRST} AS first_visitor",
        f"first_value(device) {_FIRST} AS first_device",
    )
    seen = marked.where("cut_ts IS NULL OR ts < cut_ts").drop("cut_ts", "visitor", "device")
    return seen.withColumnsRenamed({"first_visitor": "visitor", "first_device": "device"}).select(
        *events.columns, "label", "start_ts", "new_visitor"
    )


def build(events: DataFrame, features: Callable[[DataFrame, Sequence[str]], DataFrame]) -> DataFrame:
    """The examples of whole sessions' clean events: one row a session.

    Args:
        events: clean events.
        features: computes the features of events and carries the named columns along, such as
            `lambda events, carry: session_features(events, spec, carry)`.

    Returns:
        `session`, `visitor`, `start_ts`, `device`, `new_visitor`, `label`, then the features.
    """
    return features(cut_and_label(events), DESCRIBING)


def without_visitors_of(training: DataFrame, holdout: DataFrame) -> DataFrame:
    """The training examples whose visitor has no session in the holdout: nobody is on both sides."""
    return training.join(broadcast(holdout.select("visitor").distinct()), "visitor", "left_anti").select(
        *training.columns
    )


def split_by_time(examples: DataFrame, share: float = 0.7) -> tuple[DataFrame, DataFrame]:
    """Within one day: the first `share` of the sessions by start to train on, the rest to judge by.

    The boundary is a moment, so that sessions starting together stay together; the shares are met up to such ties.
    """
    starts = examples.selectExpr("unix_micros(start_ts) AS start")
    boundary = starts.select(expr(f"percentile_disc({share}) WITHIN GROUP (ORDER BY start)")).head()
    micros = boundary[0] if boundary else None
    before = "false" if micros is None else f"unix_micros(start_ts) <= {micros}"
    return examples.where(before), examples.where(f"NOT ({before})")
