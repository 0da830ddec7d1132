"""The Spark half of a spec of pairs: one row for each item that a session looked at or put into its cart.

    events --(shuffle by session)--> window: number, dwell --> aggregate by session, item, category
           --> windows over these few rows: a category's events, the whole session's
           --> aggregate by session, item --> one row a pair; features of the whole session are joined to it

The keys of windows, aggregations and joins begin with the session, so there is one shuffle. Features of the session are
computed as those of any session, and met by its name.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from leapline.features.compile import (
    Rows,
    aggregate,
    finish,
    named,
    number,
    parts,
    raw_session_features,
    with_dwell,
    with_session,
)
from leapline.features.expressions import expression
from leapline.features.operations import PAIR_KINDS
from leapline.features.plan import Plan, one_of
from leapline.features.spec import FeatureSpec, scope_of


def pair_features(events: DataFrame, spec: FeatureSpec, carry: Sequence[str] = ()) -> DataFrame:
    """Compute the features of each session-item pair.

    Args:
        events: as for `compile.session_features`.
        spec: the features, of unit `pair`.
        carry: further columns of `events` to keep, of the session's first event.

    Returns:
        One row a pair: `session`, `item`, the carried columns, then `spec.columns` in order.
    """
    raw = raw_pair_features(number(events, {name: name for name in carry}), spec, Rows(tuple(carry)))
    return finish(raw, spec).selectExpr("session", "_item AS item", *carry, *spec.columns)


def raw_pair_features(numbered: DataFrame, spec: FeatureSpec, rows: Rows) -> DataFrame:
    """The same of numbered events, without what must be learnt first; the pair's item is called `_item`."""
    items, categories = Plan("i", of_pair=True), Plan("c", of_pair=True)
    plans = {"item": items, "categories": categories}
    own = {f.name: expression(f, plans[scope_of(f)]) for f in spec.features if scope_of(f) != "session"}
    clicks = items.count(one_of("kind", PAIR_KINDS))

    now, again = parts(items, categories)
    triples = aggregate(with_dwell(numbered), ["session", "item", "category"], now)
    seen = triples.selectExpr(
        *("session", "item", "category"),
        *items.events,
        *(f"{again[name]} OVER (PARTITION BY session, category) AS {name}" for name in categories.events),
        *(f"{again[of]} OVER (PARTITION BY session) AS {name}" for name, of in _wholes(*plans.values())),
    )
    totals = {name: again[name] for name in items.events}
    totals |= {name: f"{again[name]} FILTER (WHERE category IS NOT NULL)" for name in categories.events}
    totals |= {name: f"max({name})" for name, _ in _wholes(*plans.values())}
    pairs = aggregate(seen.where("item IS NOT NULL"), ["session", "item"], totals).where(f"{clicks} > 0")
    made = with_session(pairs, numbered).selectExpr(*rows.kept, "item AS _item", *named(own))
    return _with_session_features(made, numbered, spec)


def _with_session_features(pairs: DataFrame, numbered: DataFrame, spec: FeatureSpec) -> DataFrame:
    """The pairs with the features whose scope is the session."""
    wide = tuple(f.model_copy(update={"scope": None}) for f in spec.features if scope_of(f) == "session")
    if not wide:
        return pairs
    part = FeatureSpec(version=1, unit="session", features=wide, vocabularies={}, tables={})
    return pairs.join(raw_session_features(numbered, part, Rows()), "session")


def _wholes(*plans: Plan) -> list[tuple[str, str]]:
    return [entry for plan in plans for entry in plan.wholes.items()]
