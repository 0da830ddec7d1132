"""Compile a spec of session-item pairs: one row for each item that a session viewed or put into its cart.

    events --(shuffle by session)--> windows: number, dwell --> aggregate by session, item, category
           --> windows over these few rows: a category's events, the session's events
           --> aggregate by session, item --> one row per pair, joined to the features of the whole session

The keys of windows, aggregations and joins begin with the session, so there is one shuffle. Features of scope `session`
are computed like those of any session and joined by its name.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from leapline.features.compile import (
    RowLayout,
    aggregate,
    aliased,
    apply_fitted,
    event_aggregates,
    join_attributes,
    number_events,
    raw_session_features,
    with_dwell,
)
from leapline.features.expressions import expression
from leapline.features.operations import PAIR_KINDS
from leapline.features.plan import Plan, in_list
from leapline.features.spec import FeatureSpec, scope_of


def pair_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute the features of each session-item pair.

    Args:
        events: as for `compile.session_features`.
        spec: the features, of unit `pair`.
        carry: further columns of `events` to keep, with the value of the session's first event.

    Returns:
        One row per pair: `session`, `item`, the carried columns, then `spec.columns` in order.
    """
    numbered = number_events(events, {name: name for name in carry})
    raw = raw_pair_features(numbered, spec, RowLayout(tuple(carry)))
    return apply_fitted(raw, spec).selectExpr("session", "_item AS item", *carry, *spec.columns)


def raw_pair_features(numbered: DataFrame, spec: FeatureSpec, layout: RowLayout) -> DataFrame:
    """Compute the pairs' features that need no fitted table, and the raw inputs of those that do.

    Args:
        numbered: as returned by `compile.number_events`.
        spec: the features, of unit `pair`.
        layout: of the result's rows; the pair's item is in the column `_item`.
    """
    items, categories = Plan("i", of_pair=True), Plan("c", of_pair=True)
    plans = {"item": items, "categories": categories}
    columns = {f.name: expression(f, plans[scope_of(f)]) for f in spec.features if scope_of(f) != "session"}
    clicks = items.count(in_list("kind", PAIR_KINDS))

    over_events, combine = event_aggregates(items, categories)
    triples = aggregate(with_dwell(numbered), ["session", "item", "category"], over_events)
    widened = triples.selectExpr(
        *("session", "item", "category"),
        *items.events,
        *(f"{combine[name]} OVER (PARTITION BY session, category) AS {name}" for name in categories.events),
        *(f"{combine[of]} OVER (PARTITION BY session) AS {name}" for name, of in _wholes(*plans.values())),
    )
    totals = {name: combine[name] for name in items.events}
    totals |= {name: f"{combine[name]} FILTER (WHERE category IS NOT NULL)" for name in categories.events}
    totals |= {name: f"max({name})" for name, _ in _wholes(*plans.values())}
    pairs = aggregate(widened.where("item IS NOT NULL"), ["session", "item"], totals).where(f"{clicks} > 0")
    rows = join_attributes(pairs, numbered).selectExpr(*layout.columns, "item AS _item", *aliased(columns))
    return _join_session_features(rows, numbered, spec)


def _join_session_features(pairs: DataFrame, numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """Add the features of scope `session` to the pairs."""
    features = tuple(f.model_copy(update={"scope": None}) for f in spec.features if scope_of(f) == "session")
    if not features:
        return pairs
    part = FeatureSpec(version=1, unit="session", features=features, vocabularies={}, tables={})
    return pairs.join(raw_session_features(numbered, part, RowLayout()), "session")


def _wholes(*plans: Plan) -> list[tuple[str, str]]:
    return [entry for plan in plans for entry in plan.wholes.items()]
