"""The model card: what a reader must know of a model, on one page of Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leapline.evaluation.metrics import Metrics
from leapline.evaluation.verdict import Verdict

_CAPTIONS = {
    "roc": "ROC curve",
    "precision_recall": "Precision and recall",
    "scores": "Scores and reliability",
    "importances": "Importances",
}

PRIVACY = """\
Sessions and visitors are known to the model's makers by keyed pseudonyms (HMAC-SHA-256) alone, and to the model not
at all: no identifier is a feature. Network addresses, user agents, URL queries, locations and device fingerprints
never enter the data. Events without consent are left out where the installation asks for consent."""

LIMITS = """\
* The score is the chance to buy later **in the same session**, from what was done before the checkout. It says
  nothing about later visits, and nothing about people.
* It was judged on one day that followed the training days. A sale, a holiday or a change of the site makes another day.
* Sessions that begin in the checkout are not scored. Robots that pass for visitors are.
* The importances are shares of the forest's gain in training: features that tell the same story share them."""


@dataclass(frozen=True)
class Subject:
    """What the card is about.

    Attributes:
        data_day: the day judged on, ISO date.
        training_days: the days trained on, ISO dates.
        training: the facts of the training: `examples`, `positives`, `weight`, `importances`, `calibration`.
        features: the entries of the feature spec.
        threshold: probability from which a session is called a buyer; None if there is none.
        lineage: what the model was made of: code version, libraries, parent; name -> value.
    """

    data_day: str
    training_days: Sequence[str]
    training: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    threshold: float | None
    lineage: Mapping[str, str]


def render(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Mapping[str, str] | None = None) -> str:
    """The card.

    Args:
        subject: the model.
        metrics: on the holdout.
        verdict: over the metrics.
        plots: name (`leapline.evaluation.plots.NAMES`) -> link, to show.
    """
    pictures = [f"![{_CAPTIONS[name]}]({link})" for name, link in (plots or {}).items()]
    parts = [
        f"# Model card: buy or defer, {subject.data_day}",
        f"**{verdict.summary}**",
        "A random forest gives each session's chance to end with a purchase, from what the visitor has done so far.",
        "## Data",
        _data(subject, metrics),
        "## Metrics on the holdout",
        _metrics(metrics, subject.threshold),
        *pictures,
        "## Verdict",
        _verdict(verdict),
        "## Features",
        _features(subject),
        "## Lineage",
        _table(("what", "value"), [(name, f"`{value}`") for name, value in subject.lineage.items()]),
        "## Privacy",
        PRIVACY,
        "## Known limits",
        LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _data(subject: Subject, metrics: Metrics) -> str:
    days = list(subject.training_days)
    span = "no days" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
    examples, buyers = subject.training["examples"], subject.training["positives"]
    rows = [
        ("training", span, examples, buyers, _share(buyers, examples)),
        ("holdout", subject.data_day, metrics.examples, metrics.positives, _share(metrics.positives, metrics.examples)),
    ]
    weight, calibration = subject.training["weight"], json.dumps(subject.training["calibration"])
    note = f"In training a buyer counts {weight} times; the calibration takes that back: `{calibration}`."
    return _table(("part", "days (UTC)", "sessions", "buyers", "share"), rows) + "\n\n" + note


def _metrics(metrics: Metrics, threshold: float | None) -> str:
    interval = metrics.roc_auc_interval
    rows = [
        (
            "ROC AUC",
            _value(metrics.roc_auc),
            f"95 % interval {interval[0]:.4f} to {interval[1]:.4f}" if interval else "",
        ),
        ("average precision", _value(metrics.average_precision), f"no skill: {_value(metrics.prevalence)}"),
        ("log loss", _value(metrics.log_loss), f"always the same forecast: {_value(metrics.base_log_loss)}"),
        ("Brier score", _value(metrics.brier), "mean squared error of the probability"),
        ("threshold", _value(threshold), "a session at or above it is called a buyer"),
    ]
    reasons = sorted(set(metrics.missing.values()))
    return _table(("metric", "value", "note"), rows) + "".join(f"\n\nNot computed: {reason}." for reason in reasons)


def _verdict(verdict: Verdict) -> str:
    rows = [
        (rule.name, _value(rule.value), rule.limit, "yes" if rule.passed else "**no**", rule.why)
        for rule in verdict.rules
    ]
    return _table(("rule", "value", "limit", "passed", "why"), rows)


def _features(subject: Subject) -> str:
    importances: Mapping[str, float] = subject.training["importances"]
    rows = []
    for entry in sorted(subject.features, key=lambda e: (-importances.get(e["name"], 0.0), e["name"])):
        parameters = ", ".join(f"{k} {_word(v)}" for k, v in entry.items() if k not in ("name", "op"))
        share = importances.get(entry["name"])
        rows.append((f"`{entry['name']}`", entry["op"], parameters, "-" if share is None else f"{share:.1%}"))
    return _table(("feature", "operation", "parameters", "importance"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _value(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.4f}"


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
