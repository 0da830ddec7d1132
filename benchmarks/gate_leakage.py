"""Simulation study: how often does the gate let a model pass whose features leak the label?

The generator simulates the clicks and outcomes of shops, without Spark; a few features of whole sessions and of
prefixes are computed from them, a leak is planted in the training day and in the holdout, and a forest of scikit-learn
is fitted and judged by the rules of the gate, with and without those about leakage.

    python -m benchmarks.gate_leakage --runs 200 --out docs/benchmarks
"""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from leapline.evaluation import leakage, metrics
from leapline.evaluation.document import Heading, Table, Text, to_markdown
from leapline.evaluation.leakage_rules import LeakageLimits, leakage_rules
from leapline.evaluation.verdict import Evidence, Limits, decide
from leapline.formatting import percent, score
from leapline.synthetic.behaviour import ADD, ITEM, REMOVE, SEARCH, Clicks, go_shopping
from leapline.synthetic.catalogue import make_catalogue
from leapline.synthetic.purchase_probability import purchase_probability
from leapline.synthetic.spec import GeneratorSpec
from leapline.synthetic.visitors import visits_of

Floats = npt.NDArray[np.float64]
Plant = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]

DAYS_PER_SHOP: Final = 40
"""Two per run: one to train on, one as holdout."""
_FIRST: Final = date(2026, 1, 1)
_KEYS: Final = ("session", "visitor", "whole", "label", "score")


@dataclass(frozen=True)
class Leak:
    """A planted leak.

    Attributes:
        name: of its row in the report.
        plant: changes examples.
        suspects: the features that a reason should name.
    """

    name: str
    plant: Plant
    suspects: tuple[str, ...] = ()


def examples_of(spec: GeneratorSpec, day: date) -> pd.DataFrame:
    """Simulate a day and return the examples of its sessions: all clicks before the checkout, and a prefix of them."""
    rng = spec.rng("leakage", day.toordinal())
    shop, visits = make_catalogue(spec), visits_of(spec, day, 0)
    shopping = go_shopping(rng, shop, visits)
    bought = rng.random(len(visits)) < purchase_probability(spec, visits, shopping.clicks)
    clicks = np.bincount(shopping.clicks.session, minlength=len(visits))
    prefix = 1 + (rng.random(len(visits)) * np.maximum(clicks - 1, 1)).astype(np.int64)
    other_pages = rng.random(len(shopping.clicks.session)) < 0.06
    visitors = np.unique(visits.visitor_id, axis=0, return_inverse=True)[1].ravel()
    context = {
        "session": np.arange(len(visits)),
        "visitor": visitors,
        "label": bought.astype(int),
        "session_index": visits.session_index.astype(float),
        "start_hour": (visits.start_ms // 3_600_000 % 24).astype(float),
    }
    whole = pd.DataFrame({**context, "whole": True, **_features(shopping.clicks, clicks, other_pages)})
    parts = pd.DataFrame({**context, "whole": False, **_features(shopping.clicks, prefix, other_pages)})
    return pd.concat([whole[clicks > 0], parts[clicks > 1]], ignore_index=True)


def _features(clicks: Clicks, cut: npt.NDArray[np.int64], other_pages: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the features of each session's first `cut` clicks."""
    first = np.r_[True, clicks.session[1:] != clicks.session[:-1]]
    number = np.arange(len(first)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    inside = number < cut[clicks.session]
    # The time of the last click of a row is that of its opening: what follows it is not known yet.
    ends = np.cumsum(clicks.dwell_ms) / 1000
    opened = ends - clicks.dwell_ms / 1000
    opened -= opened[first][np.cumsum(first) - 1]
    last = inside & (number == cut[clicks.session] - 1)
    size = len(cut)

    def total(chosen: npt.NDArray[np.bool_], values: Floats | None = None) -> Floats:
        weights = None if values is None else values[chosen & inside]
        return np.bincount(clicks.session[chosen & inside], weights, minlength=size).astype(float)

    def latest(chosen: npt.NDArray[np.bool_], values: Floats) -> Floats:
        column = np.full(size, -1.0)
        column[clicks.session[chosen & inside]] = values[chosen & inside]
        return column

    everything = np.ones(len(first), dtype=bool)
    length = total(last, opened)
    seen = {"cart_add": latest(clicks.step == ADD, opened), "item_view": latest(clicks.step == ITEM, opened)}
    return {
        "n_clicks": total(everything),
        "n_item_views": total(clicks.step == ITEM),
        "n_searches": total(clicks.step == SEARCH),
        "n_cart_adds": total(clicks.step == ADD),
        "n_cart_removes": total(clicks.step == REMOVE),
        "n_other_pages": total(other_pages),
        "cart_value": np.maximum(latest(everything, clicks.cart_cents / 100), 0),
        "length_s": length,
        "item_dwell_s": total((clicks.step == ITEM) & ~last, clicks.dwell_ms / 1000),
        **{f"since_{name}_s": np.where(at < 0, -1.0, length - at) for name, at in seen.items()},
    }


def no_leak(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the examples unchanged."""
    return examples


def own_feature(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add a flag from the shop's order system: 99 % of the buyers have it, and 0.1 % of the others."""
    share = np.where(examples["label"] == 1, 0.99, 0.001)
    return examples.assign(customer_flag=_per_session(examples, rng, share).astype(float))


def part_of_buyers(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add a sign at the end of the sessions of 30 % of the buyers."""
    chosen = _per_session(examples, rng, 0.3 * (examples["label"] == 1)) & examples["whole"]
    return examples.assign(n_express_pages=chosen.astype(float))


def page_view(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Count the thank-you page as a page view: one more click, page and a few seconds at the end."""
    ends = _buyers_ends(examples)
    longer = ends * rng.exponential(15, len(examples))
    return _longer(examples, longer).assign(
        n_clicks=examples["n_clicks"] + ends, n_other_pages=examples["n_other_pages"] + ends
    )


def day_total(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add the number of orders of the visitor on the whole day."""
    orders = examples[examples["whole"]].groupby("visitor")["label"].sum()
    return examples.assign(visitor_orders=examples["visitor"].map(orders).fillna(0).astype(float))


def duration(examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Include the time of the checkout in the durations of buyers: three steps of 35 seconds at the median."""
    steps = 35 * np.exp(rng.normal(0, 0.6, (len(examples), 3))).sum(axis=1)
    return _longer(examples, _buyers_ends(examples) * steps)


def _buyers_ends(examples: pd.DataFrame) -> Floats:
    return (examples["whole"].astype(bool) & (examples["label"] == 1)).to_numpy(float)


def _longer(examples: pd.DataFrame, seconds: Floats) -> pd.DataFrame:
    names = ("length_s", "since_cart_add_s", "since_item_view_s")
    return examples.assign(**{n: np.where(examples[n] < 0, examples[n], examples[n] + seconds) for n in names})


def _per_session(examples: pd.DataFrame, rng: np.random.Generator, share: Any) -> npt.NDArray[np.bool_]:
    """Return for each example whether a draw with a probability succeeds; examples of a session share the draw."""
    draws = rng.random(int(examples["session"].max()) + 1)
    return np.asarray(draws[examples["session"]] < share, dtype=bool)


_DURATIONS: Final = ("length_s", "since_cart_add_s", "since_item_view_s")
LEAKS: Final = (
    Leak("none (control)", no_leak),
    Leak("a feature of its own: a flag of 99 % of the buyers", own_feature, ("customer_flag",)),
    Leak("a page seen by 30 % of the buyers", part_of_buyers, ("n_express_pages",)),
    Leak("thank-you page counted as a page view", page_view, ("n_other_pages", *_DURATIONS)),
    Leak("from the future: the visitor's orders of the day", day_total, ("visitor_orders",)),
    Leak("durations that include the checkout", duration, _DURATIONS),
)


@dataclass(frozen=True)
class Outcome:
    """One judged model.

    Attributes:
        roc_auc: of the model on the holdout.
        before: whether the rules without those about leakage pass it.
        after: whether all rules pass it.
        named: whether a failed rule about leakage names a feature of the leak.
    """

    roc_auc: float
    before: bool
    after: bool
    named: bool


def judge(leak: Leak, training: pd.DataFrame, holdout: pd.DataFrame, seed: int) -> Outcome:
    """Plant a leak, fit a forest and judge it."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    training, holdout = leak.plant(training, rng), leak.plant(holdout, rng)
    features = [name for name in training if name not in _KEYS]
    forest = RandomForestClassifier(
        30, max_depth=10, min_samples_leaf=20, max_features=1 / 3, random_state=seed, n_jobs=1
    )
    forest.fit(training[features].to_numpy(), training["label"].to_numpy())
    scored = holdout.assign(score=forest.predict_proba(holdout[features].to_numpy())[:, 1])
    whole = scored[scored["whole"]]
    bootstrap = metrics.Bootstrap(whole["visitor"].to_numpy(), 100, seed)
    measured = metrics.measure(whole["label"].to_numpy(float), whole["score"].to_numpy(float), None, bootstrap)
    evidence = Evidence(
        measured,
        ["the day before"],
        largest_tree=max(tree.tree_.node_count for tree in forest.estimators_),
        importances=dict(zip(features, forest.feature_importances_.tolist(), strict=True)),
    )
    before = decide(evidence, Limits()).passed
    measurements = leakage.measure(scored, features, min_visitors=20, seed=seed)
    failed = [rule for rule in leakage_rules(measurements, LeakageLimits()) if not rule.passed]
    named = any(name in rule.why for rule in failed for name in leak.suspects)
    return Outcome(measured.roc_auc or 0.0, before, before and not failed, named)


def simulate(runs: Iterable[int], sessions: int) -> dict[str, list[Outcome]]:
    """Judge each leak in each run.

    Args:
        runs: their numbers, which are seeds.
        sessions: of a day.

    Returns:
        Name of the leak -> outcomes.
    """
    outcomes: dict[str, list[Outcome]] = {leak.name: [] for leak in LEAKS}
    for run in runs:
        number, first = divmod(2 * run, DAYS_PER_SHOP)
        spec = GeneratorSpec(sessions_per_day=sessions, items=1000, categories=20, seed=number)
        training, holdout = (examples_of(spec, _FIRST + timedelta(days=first + n)) for n in (0, 1))
        for leak in LEAKS:
            outcomes[leak.name].append(judge(leak, training, holdout, run))
    return outcomes


def summary(outcomes: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    """Return the rates of each leak."""
    return [
        {
            "leak": name,
            "runs": len(rows),
            "roc_auc": round(float(np.mean([row.roc_auc for row in rows])), 4),
            "passed_before": float(np.mean([row.before for row in rows])),
            "passed_after": float(np.mean([row.after for row in rows])),
            "refused_by_leakage_alone": float(np.mean([row.before and not row.after for row in rows])),
            "named": float(np.mean([row.named for row in rows])),
        }
        for name, rows in outcomes.items()
    ]


def markdown(results: dict[str, Any]) -> str:
    """Return the report."""
    blocks = [
        Heading("Planted label leakage", 1),
        Text(
            "`make bench-gate-leakage` simulates shops with the generator, as clicks and without Spark: no events, no "
            "mapping, no image. From the clicks come 13 features of whole sessions and of a prefix of each; a leak is "
            "planted in them, on the training day and on the next day, which is the holdout. A forest of scikit-learn "
            "(30 trees, not calibrated) is judged by the gate's rules about the model with their default limits; there "
            "are no champion, baseline and slices. *Before* is without the three rules about leakage. What is planted "
            "is in `benchmarks/gate_leakage.py`."
        ),
    ]
    head = ("leak", "runs", "mean ROC AUC", "passed before", "passed after", "leak named")
    for size in results["sizes"]:
        rows = [
            (r["leak"], r["runs"], score(r["roc_auc"]), percent(r["passed_before"]), percent(r["passed_after"]),
             "" if r["leak"] == LEAKS[0].name else percent(r["named"]))
            for r in size["leaks"]
        ]  # fmt: skip
        blocks += [Heading(f"{size['sessions']:,} sessions a day, about 5 % of which buy"), Table(head, rows)]
    blocks.append(
        Text(
            "Models without a leak that do not pass fail other rules, mostly the minimum ROC AUC. The rules about "
            f"leakage refused {_false_alarms(results)}. On days with few buyers more leaks pass, since the "
            "rules use the ends of intervals, in favour of the model."
        )
    )
    return to_markdown(blocks)


def _false_alarms(results: dict[str, Any]) -> str:
    control = [row for size in results["sizes"] for row in size["leaks"] if row["leak"] == LEAKS[0].name]
    refused = sum(round(row["refused_by_leakage_alone"] * row["runs"]) for row in control)
    passed = sum(round(row["passed_before"] * row["runs"]) for row in control)
    return f"{refused} of the {passed} models without a leak that passed all others"


def main() -> None:
    """Run the study and write `gate-leakage.json` and `gate-leakage.md`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--sessions", type=int, nargs="+", default=[4000, 1200])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [{"sessions": n, "leaks": summary(simulate(range(options.runs), n))} for n in options.sessions]
    results = {"sizes": sizes}
    (options.out / "gate-leakage.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "gate-leakage.md").write_text(markdown(results))
    print(markdown(results))


if __name__ == "__main__":
    main()
