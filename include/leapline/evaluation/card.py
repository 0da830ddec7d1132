"""The model card: what a reader must know of a model, on one page."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leapline.evaluation.card_sections import Companions
from leapline.evaluation.card_sections import blocks as companions
from leapline.evaluation.document import Block, Heading, Picture, Table, Text, to_html, to_markdown
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.slices import Slice
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
* The importances are shares of the forest's gain in training: features that tell the same story share them. The loss
  of ROC AUC is measured on the holdout with one feature shuffled at a time: of two that tell the same neither shows."""


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
        permutation: feature -> loss of ROC AUC on the holdout when it is shuffled.
        slices: the holdout by kind of session.
        beside: the baseline, the visits' course, the model of items.
    """

    data_day: str
    training_days: Sequence[str]
    training: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    threshold: float | None
    lineage: Mapping[str, str]
    permutation: Mapping[str, float] = field(default_factory=dict)
    slices: Sequence[Slice] = ()
    beside: Companions = field(default_factory=Companions)


def with_lineage(subject: Subject, more: Mapping[str, str]) -> Subject:
    """The subject with more of where it comes from."""
    return replace(subject, lineage={**subject.lineage, **more})


def render(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Mapping[str, str] | None = None) -> str:
    """The card as Markdown.

    Args:
        subject: the model.
        metrics: on the holdout.
        verdict: over the metrics.
        plots: name (`leapline.evaluation.plots.NAMES`) -> link, to show.
    """
    return to_markdown(_blocks(subject, metrics, verdict, plots or {}))


def render_html(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Path) -> str:
    """The card as one HTML file, its pictures inside.

    Args:
        subject: the model.
        metrics: on the holdout.
        verdict: over the metrics.
        plots: the folder of pictures (`<name>.svg`); those that are there are shown.
    """
    found = {name: plots / f"{name}.svg" for name in _CAPTIONS}
    inside = {name: _data_uri(path) for name, path in found.items() if path.exists()}
    return to_html(_title(subject), _blocks(subject, metrics, verdict, inside))


def _title(subject: Subject) -> str:
    return f"Model card: buy or defer, {subject.data_day}"


def _data_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _blocks(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Mapping[str, str]) -> list[Block]:
    return [
        Heading(_title(subject), 1),
        Text(f"**{verdict.summary}**"),
        Text(
            "A random forest gives each session's chance to end with a purchase, from what the visitor has done so far."
        ),
        Heading("Data"),
        *_data(subject, metrics),
        Heading("Metrics on the holdout"),
        *_metrics(metrics, subject.threshold),
        *(Picture(_CAPTIONS[name], link) for name, link in plots.items()),
        Heading("Slices"),
        *_slices(subject.slices),
        *companions(subject.beside),
        Heading("Verdict"),
        _verdict(verdict),
        Heading("Features"),
        _features(subject),
        Heading("Lineage"),
        Table(("what", "value"), [(name, f"`{value}`") for name, value in subject.lineage.items()]),
        Heading("Privacy"),
        Text(PRIVACY),
        Heading("Known limits"),
        Text(LIMITS),
    ]


def _data(subject: Subject, metrics: Metrics) -> list[Block]:
    days = list(subject.training_days)
    span = "no days" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
    examples, buyers = subject.training["examples"], subject.training["positives"]
    rows = [
        ("training", span, examples, buyers, _share(buyers, examples)),
        ("holdout", subject.data_day, metrics.examples, metrics.positives, _share(metrics.positives, metrics.examples)),
    ]
    weight, calibration = subject.training["weight"], json.dumps(subject.training["calibration"])
    note = f"In training a buyer counts {weight} times; the calibration takes that back: `{calibration}`."
    return [Table(("part", "days (UTC)", "sessions", "buyers", "share"), rows), Text(note)]


def _metrics(metrics: Metrics, threshold: float | None) -> list[Block]:
    no_skill = f"no skill: {_value(metrics.prevalence)}"
    rows = [
        ("ROC AUC", _value(metrics.roc_auc), _interval(metrics.roc_auc_interval)),
        (
            "average precision",
            _value(metrics.average_precision),
            "; ".join(filter(None, (_interval(metrics.average_precision_interval), no_skill))),
        ),
        ("log loss", _value(metrics.log_loss), f"always the same forecast: {_value(metrics.base_log_loss)}"),
        ("Brier score", _value(metrics.brier), "mean squared error of the probability"),
        (
            "calibration error",
            _value(metrics.calibration_error),
            "mean distance of forecast and share of buyers, in tenths of the sessions",
        ),
        ("threshold", _value(threshold), "a session at or above it is called a buyer"),
    ]
    reasons = sorted(set(metrics.missing.values()))
    return [Table(("metric", "value", "note"), rows), *(Text(f"Not computed: {reason}.") for reason in reasons)]


def _slices(slices: Sequence[Slice]) -> list[Block]:
    if not slices:
        return [Text("The holdout was not divided.")]
    rows = [(s.by, s.value, s.examples, s.positives, _value(s.roc_auc), _interval(s.interval)) for s in slices]
    return [Table(("by", "value", "sessions", "buyers", "ROC AUC", "note"), rows)]


def _verdict(verdict: Verdict) -> Table:
    rows = [
        (rule.name, _value(rule.value), rule.limit, "yes" if rule.passed else "**no**", rule.why)
        for rule in verdict.rules
    ]
    return Table(("rule", "value", "limit", "passed", "why"), rows)


def _features(subject: Subject) -> Table:
    importances: Mapping[str, float] = subject.training["importances"]
    rows = []
    for entry in sorted(subject.features, key=lambda e: (-importances.get(e["name"], 0.0), e["name"])):
        parameters = ", ".join(f"{k} {_word(v)}" for k, v in entry.items() if k not in ("name", "op"))
        share, loss = importances.get(entry["name"]), subject.permutation.get(entry["name"])
        shown = "-" if share is None else f"{share:.1%}", "-" if loss is None else f"{loss:+.4f}"
        rows.append((f"`{entry['name']}`", entry["op"], parameters, *shown))
    return Table(("feature", "operation", "parameters", "importance", "loss of ROC AUC if shuffled"), rows)


def _interval(interval: tuple[float, float] | None) -> str:
    return f"95 % interval {interval[0]:.4f} to {interval[1]:.4f}" if interval else ""


def _value(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.4f}"


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
