"""Examples: what a session had done before the checkout, and whether it bought.

The model is asked while the visit goes on, so it may learn only from what can be known then. A session is cut at its
first sign of a checkout: a checkout or purchase event, or a view of the checkout or thanks page. Nothing at that
moment or later is seen by a feature; the label says whether a purchase stands in the session at all, which is then to
come.

The website asks at any moment of a visit, so a session gives several examples: all that it did before its cut (the
whole one, on which a model is judged), and beginnings of it, cut after an event that a hash of the session's pseudonym
chooses: the same ones on any day, in any order of rows and on any number of machines.

Measured on a generated day (three days before it to train on; the best possible ROC AUC of whole sessions was 0.9407):
with 1, 2 and 3 examples a session the ROC AUC of whole sessions was 0.9384, 0.9357 and 0.9264, and the log loss of
sessions cut short 0.285, 0.231 and 0.229, where always forecasting the share of buyers gives 0.270. So two: a model of
whole sessions alone is no forecast while a visit goes on."""

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, expr

CUT_KINDS = ("checkout", "purchase", "purchase_item")
CUT_PAGES = ("checkout", "thanks")
BOUGHT = ("purchase", "purchase_item")
# An example's name: a session, and how many of its events are seen.
KEYS = ("session", "cut")
# A pair's.
PAIR_KEYS = ("session", "item")
# Beside the features: who and when, what the slices are made of, whether all before the checkout is seen, the label.
DESCRIBING = ("visitor", "start_ts", "device", "new_visitor", "whole", "label")
WHO = ("visitor", "start_ts", "device", "new_visitor")
BOUGHT_ITEMS = "bought_items"
Features = Callable[[DataFrame, tuple[str, ...], tuple[str, ...]], DataFrame]

_ORDER = "PARTITION BY session ORDER BY ts, event_id"
_WHOLE = f"OVER ({_ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
_FIRST = f"OVER ({_ORDER})"


def cut_and_label(events: DataFrame) -> DataFrame:
    """The events that a model may see, each with its session's label.

    Args:
        events: clean events of whole sessions.

    Returns:
        The events before the session's cut, in the same columns, and further, one value a session: `label` (1 if the
        session buys), `bought_items`, `start_ts` (its first event's time) and `new_visitor` (whether it is the
        visitor's first); and `position`, an event's number in its session from 1. A session that begins with its cut
        has no events left and is not in the result."""
    cut = f"kind IN {CUT_KINDS} OR coalesce(page IN {CUT_PAGES}, false)"
    # The same window as the features': Spark shuffles and sorts once for both.
    marked = events.selectExpr(
        "*",
        f"min(CASE WHEN {cut} THEN ts END) {_WHOLE} AS cut_ts",
        f"max(CASE WHEN kind IN {BOUGHT} THEN 1 ELSE 0 END) {_WHOLE} AS label",
        f"collect_set(CASE WHEN kind = 'purchase_item' THEN item END) {_WHOLE} AS {BOUGHT_ITEMS}",
        f"row_number() {_FIRST} AS position",
        f"first_value(ts) {_FIRST} AS start_ts",
        f"coalesce(first_value(session_index) {_FIRST} = 1, false) AS new_visitor",
        f"first_value(visitor) {_FIRST} AS first_visitor",
        f"first_value(device) {_FIRST} AS first_device",
    )
    seen = marked.where("cut_ts IS NULL OR ts < cut_ts").drop("cut_ts", "visitor", "device")
    return seen.withColumnsRenamed({"first_visitor": "visitor", "first_device": "device"}).select(
        *events.columns, "label", BOUGHT_ITEMS, "position", "start_ts", "new_visitor"
    )


def beginnings(seen: DataFrame, per_session: int) -> DataFrame:
    """Each event once for each example that sees it.

    Args:
        seen: as `cut_and_label` gives it.
        per_session: examples a session, the whole one among them; fewer where the hash chooses the same cut twice, or
            the session has fewer events.

    Returns:
        The events with `cut`, the number of events that the example sees, and `whole`, whether these are all.
    """
    counted = seen.withColumn("length", expr(f"count(1) {_WHOLE}"))
    if per_session == 1:
        return counted.selectExpr("*", "length AS cut", "true AS whole").drop("length")
    some = [f"1 + pmod(xxhash64(session, {number}), greatest(length - 1, 1))" for number in range(1, per_session)]
    cuts = f"array_distinct(array({', '.join(some)}, length))"
    copied = counted.selectExpr("*", f"explode(filter({cuts}, cut -> cut >= position AND cut <= length)) AS cut")
    return copied.withColumn("whole", expr("cut = length")).drop("length")


def build(events: DataFrame, features: Features, per_session: int = 1) -> DataFrame:
    """The examples of whole sessions' clean events.

    Args:
        events: clean events.
        features: computes the features of events by some columns that name a session, and carries others along, such as
            `lambda events, by, carry: raw_session_features(events, spec, Rows(by, carry))`.
        per_session: examples a session, at most.

    Returns:
        One row an example: `session`, `cut`, `visitor`, `start_ts`, `device`, `new_visitor`, `whole`, `label`, then the
        features.
    """
    seen = beginnings(cut_and_label(events), per_session)
    if per_session == 1:
        # Then `session` alone is a name, and the events stand in order already.
        return features(seen, KEYS[:1], (*KEYS[1:], *DESCRIBING))
    return features(seen, KEYS, DESCRIBING)


def build_pairs(events: DataFrame, features: Features) -> DataFrame:
    """The examples of session-item pairs, of all that was done before the checkout.

    Returns:
        One row a pair: `session`, `item`, `visitor`, `start_ts`, `device`, `new_visitor`, `label` (1 if the session
        buys the item), then the features; `features` gives the item as `_item`.
    """
    made = features(cut_and_label(events), ("session",), (*WHO, BOUGHT_ITEMS))
    beside = {"session", "_item", *WHO, BOUGHT_ITEMS}
    bought = f"CAST(array_contains({BOUGHT_ITEMS}, _item) AS INT) AS label"
    return made.selectExpr("session", "_item AS item", *WHO, bought, *(c for c in made.columns if c not in beside))


def without_visitors_of(training: DataFrame, holdout: DataFrame) -> DataFrame:
    """The training examples whose visitor has no session in the holdout: nobody is on both sides."""
    return training.join(broadcast(holdout.select("visitor").distinct()), "visitor", "left_anti").select(
        *training.columns
    )


def split_by_time(examples: DataFrame, share: float = 0.7) -> tuple[DataFrame, DataFrame]:
    """Within one day: the first `share` of the sessions by start to train on, the rest to judge by.

    The boundary is a moment, so that sessions starting together stay together; the shares are met up to such ties.
    """
    starts = examples.selectExpr("session", "unix_micros(start_ts) AS start").distinct()
    boundary = starts.select(expr(f"percentile_disc({share}) WITHIN GROUP (ORDER BY start)")).head()
    micros = boundary[0] if boundary else None
    before = "false" if micros is None else f"unix_micros(start_ts) <= {micros}"
    return examples.where(before), examples.where(f"NOT ({before})")
