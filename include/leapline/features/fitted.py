"""Features that depend on fitted tables, computed in two steps.

The first step leaves columns that do not depend on the tables: the session's states as a text, one letter per event;
the clicks and dwell of each of its items (categories) as a list. A day's examples are therefore computed once:
training fits vocabularies and tables from these columns without reading an event again, and `value` turns the columns
into features.
"""

from collections.abc import Sequence

from leapline.features import operations as ops
from leapline.features.plan import DWELL, HAS_ENTITY, Plan, where
from leapline.features.spec import FeatureSpec

STATES = "_states"
"""Column of the session's states in order: `a` is the first of `operations.STATES`, `b` the second, ..."""
NO_STATE = "-"
"""Placeholder of an event without a state, while positions in the text are event numbers."""
POPULAR = "_popular_"
"""Prefix of the column with the clicks and dwell of a vocabulary: a list of (id, clicks, milliseconds)."""

FittedFeature = ops.Popular | ops.Markov
_CODES = {state: ord("a") + number for number, state in enumerate(ops.STATES)}


def state_code() -> str:
    """Return SQL for the code of an event's state: the code of its letter, or of `NO_STATE`."""
    pages = " ".join(f"WHEN '{page}' THEN {_CODES[f'{page}_page']}" for page in ops.PAGES)  # type: ignore[index]
    kinds = " ".join(f"WHEN '{state}' THEN {code}" for state, code in _CODES.items() if "page" not in state)
    views = f"CASE page {pages} ELSE {_CODES['other_page']} END"
    return f"CAST(CASE kind WHEN 'page_view' THEN {views} {kinds} ELSE {ord(NO_STATE)} END AS TINYINT)"


def raw_inputs(spec: FeatureSpec, plan: Plan) -> dict[str, str]:
    """Return the columns that `value` reads from a session, as SQL over the plan's columns; without the states."""
    return {f"{POPULAR}{name}": _clicks_per_entity(feature, plan) for name, feature in spec.popular.items()}


def value(feature: FittedFeature, spec: FeatureSpec) -> str:
    """Return the feature as SQL over the columns of the first step: a double, never null."""
    return log_odds(spec.table()) if isinstance(feature, ops.Markov) else _popular(feature, spec)


def log_odds(entries: Sequence[int]) -> str:
    """Return SQL for the sum of log-odds over the session's states.

    Args:
        entries: the table as returned by `spec.flatten_table`.
    """
    table = f"array({', '.join(f'{entry}L' for entry in entries)})"
    to = f"ascii(substring({STATES}, i, 1)) - {ord('a')}"
    before = f"CASE WHEN i = 1 THEN 0 ELSE ascii(substring({STATES}, i - 1, 1)) - {ord('a') - 1} END"
    entry = f"get({table}, {len(ops.STATES)} * ({before}) + {to})"
    total = f"aggregate(sequence(1, length({STATES})), 0L, (total, i) -> total + {entry})"
    return f"CASE WHEN {STATES} = '' THEN 0D ELSE CAST({total} AS DOUBLE) / 1000000D END"


def _clicks_per_entity(feature: ops.Popular, plan: Plan) -> str:
    chosen = where(feature, HAS_ENTITY[feature.of])
    clicks, dwell = plan.count(chosen), plan.add("sum", DWELL, chosen)
    entry = f"struct({feature.of} AS id, {clicks} AS clicks, {dwell} AS ms)"
    return plan.over(feature.of, f"sort_array(collect_list(CASE WHEN {{}} THEN {entry} END))", f"{clicks} > 0")


def _popular(feature: ops.Popular, spec: FeatureSpec) -> str:
    words = spec.vocabularies.get(feature.vocabulary, ())
    if len(words) < feature.k:
        return "0D"
    # Ids come from the web: as hexadecimal bytes they cannot inject SQL.
    word = f"CAST(X'{words[feature.k - 1].encode().hex()}' AS STRING)"
    entry = f"get(filter({POPULAR}{feature.vocabulary}, e -> e.id = {word}), 0)"
    clicks_or_seconds = f"{entry}.clicks" if feature.give == "clicks" else f"CAST({entry}.ms AS DOUBLE) / 1000D"
    return f"coalesce(CAST({clicks_or_seconds} AS DOUBLE), 0D)"
