"""Examples: what a session had done before the checkout, and whether it bought.

The model is asked while the visit goes on, so it may learn only from what can be known then. A session is cut at its
first sign of a checkout: a checkout or purchase event, or a view of the checkout or thanks page. Nothing at that
moment or later is seen by a feature; the label says whether a purchase stands in the session at all, which is then to
come.

The website asks at any moment of a visit, so a session gives several examples: all that it did before its cut (the
whole one, on which a model is judged), and beginnings of it, each until an event that a hash chooses: the same ones on
any day, in any order of rows and on any number of machines.

Measured on a generated day (three days before it to train on; the best possible ROC AUC of whole sessions was 0.9407):
with 1, 2 and 3 examples a session the ROC AUC of whole sessions was 0.9384, 0.9357 and 0.9264, and the log loss of
sessions cut short 0.285, 0.231 and 0.229, where always forecasting the share of buyers gives 0.270. So two: a model of
whole sessions alone is no forecast while a visit goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, expr

from leapline.features.compile import IN_ORDER, WHOLE, Rows, number, raw_session_features
from leapline.features.pairs import raw_pair_features
from leapline.features.plan import BEFORE, ORDER
from leapline.features.spec import FeatureSpec

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
# What is known of a session, and where its first event has it.
_KEPT = {name: name for name in ("visitor", "device", "label", BOUGHT_ITEMS)} | {
    "start_ts": "ts",
    "new_visitor": "coalesce(session_index = 1, false)",
}


def cut_and_label(events: DataFrame) -> DataFrame:
    """The events that a model may see, each with its session's label.

    Args:
        events: clean events of whole sessions.

    Returns:
        The events before the session's cut, in the same columns, and further, one value a session: `label` (1 if the
        session buys) and `bought_items`; and what `compile.IN_ORDER` gives. A session that begins with its cut has no
        events left and is not in the result.
    """
    cut = f"kind IN {CUT_KINDS} OR coalesce(page IN {CUT_PAGES}, false)"
    # The same window as the features': Spark shuffles and sorts once for both.
    marked = events.selectExpr(
        "*",
        f"min(CASE WHEN {cut} THEN ts END) {WHOLE} AS cut_ts",
        f"max(CASE WHEN kind IN {BOUGHT} THEN 1 ELSE 0 END) {WHOLE} AS label",
        f"collect_set(CASE WHEN kind = 'purchase_item' THEN item END) {WHOLE} AS {BOUGHT_ITEMS}",
        *IN_ORDER,
    )
    return marked.where("cut_ts IS NULL OR ts < cut_ts").drop("cut_ts")


def number_examples(events: DataFrame, per_session: int = 1) -> DataFrame:
    """What the examples of sessions and of pairs are both made of: the numbered events that a model may see.

    Args:
        events: clean events of whole sessions.
        per_session: examples a session, the whole one among them; fewer where the hash chooses the same beginning
            twice, or the session has fewer events.
    """
    return number(cut_and_label(events), _KEPT, _beginnings(per_session))


@contextmanager
def kept_examples(events: DataFrame, per_session: int = 1) -> Iterator[DataFrame]:
    """`number_examples`, kept on the executors' disks for the block, as whatever is made of it begins with its sorting
    and windows: the dear part."""
    numbered = number_examples(events, per_session)
    numbered.persist(StorageLevel.DISK_ONLY)
    try:
        yield numbered
    finally:
        numbered.unpersist()


def _beginnings(per_session: int) -> list[tuple[str, str]]:
    """What was seen before an event that a hash chooses; all in one pass over the session."""
    # There is none before the first event: null, which is never the least.
    hashes = (f"CASE WHEN {ORDER} > 1 THEN xxhash64(session, event_id, {n}) END" for n in range(1, per_session))
    return [(f"min_by({ORDER} - 1, {chosen}) {WHOLE}", f"min_by({BEFORE}, {chosen}) {WHOLE}") for chosen in hashes]


def session_examples(numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """The examples of sessions and their beginnings, of `number_examples`.

    Returns:
        One row an example: `session`, `cut`, `visitor`, `start_ts`, `device`, `new_visitor`, `whole`, `label`, then the
        features, with the ingredients of those that are to be learnt, and the session's states.
    """
    made = raw_session_features(numbered, spec, Rows((*WHO, "label"), beginnings=True, states=True))
    beside = (*KEYS, *DESCRIBING)
    return made.select(*beside, *(name for name in made.columns if name not in beside))


def pair_examples(numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """The examples of session-item pairs, of all that was done before the checkout.

    Returns:
        One row a pair: `session`, `item`, `visitor`, `start_ts`, `device`, `new_visitor`, `label` (1 if the session
        buys the item), then the features.
    """
    made = raw_pair_features(numbered, spec, Rows((*WHO, BOUGHT_ITEMS)))
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
