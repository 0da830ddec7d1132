"""The model card: everything a reader needs to know about a model, on one page."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.card_sections import CardSections, calibration_rows
from leapline.evaluation.card_sections import blocks as section_blocks
from leapline.evaluation.document import Block, Heading, Picture, Table, Text, code, plain, to_markdown, to_page
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.rules import Rule
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Verdict
from leapline.formatting import MISSING, change, count, interval, number, number_beside, percent, score

_CAPTIONS = {
    "roc": "ROC curve",
    "precision_recall": "Precision and recall",
    "scores": "Scores and reliability",
    "importances": "Feature importance",
}

COUNTS = """\
A session counts if it has at least one event before its checkout; it is a buying session if it contains a purchase. In
training a session yields several examples: the whole session and prefixes of it. The holdout has one example per
session, the whole session. Sessions of visitors who also appear in the holdout are left out of training."""

PRIVACY = """\
Sessions and visitors are identified by keyed pseudonyms (HMAC-SHA-256) only, and no identifier is a feature. IP
addresses, user agents, URL queries, locations and device fingerprints never enter the data. Events without consent are
left out if the installation requires consent."""

LIMITS = """\
* The score is the probability of a purchase later **in the same session**, from what happened before the checkout. It
  says nothing about later visits, and nothing about people.
* The model was evaluated on {evaluated}. Sales, holidays or changes of the site can make
  another day different.
* Sessions that begin with the checkout are not scored. Bots that are not recognised as such are.
* Importance is a share of the impurity decrease in training: correlated features share it. The loss of ROC AUC is
  measured on the holdout with one feature shuffled at a time: of two correlated features, neither shows a loss."""


@dataclass(frozen=True)
class Subject:
    """The model and holdout that a card describes.

    Attributes:
        data_day: the day of the holdout, ISO date.
        training_days: the training days, ISO dates.
        training: figures of the training: `examples`, `positives`, `weight`, `importances`, `calibration`, and since
            they were added, `sessions` and `buying_sessions`.
        features: the entries of the feature spec.
        threshold: a session at or above this probability is classified as a buyer; None if there is none.
        lineage: code version, libraries, parent model and so on; name -> value.
        permutation: feature -> loss of ROC AUC on the holdout when it is shuffled.
        slices: metrics of the holdout's slices.
        sections: content of further sections.
    """

    data_day: str
    training_days: Sequence[str]
    training: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    threshold: float | None
    lineage: Mapping[str, str]
    permutation: Mapping[str, float] = field(default_factory=dict)
    slices: Sequence[Slice] = ()
    sections: CardSections = field(default_factory=CardSections)


def with_lineage(subject: Subject, more: Mapping[str, str]) -> Subject:
    """Return the subject with further entries of its lineage."""
    return replace(subject, lineage={**subject.lineage, **more})


def render(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Mapping[str, str] | None = None) -> str:
    """Return the card as Markdown.

    Args:
        subject: the model.
        metrics: on the holdout.
        verdict: on the model.
        plots: name (`leapline.evaluation.plots.NAMES`) -> link of the plots to include.
    """
    return to_markdown(_blocks(subject, metrics, verdict, plots or {}))


def render_html(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Path) -> str:
    """Return the card as one HTML file with embedded plots.

    Args:
        subject: the model.
        metrics: on the holdout.
        verdict: on the model.
        plots: folder of the plots (`<name>.svg`); missing ones are left out.
    """
    files = {name: plots / f"{name}.svg" for name in _CAPTIONS}
    links = {name: path.name for name, path in files.items() if path.exists()}
    embedded = {link: _data_uri(files[name]) for name, link in links.items()}
    return to_page(_title(subject), _blocks(subject, metrics, verdict, links), embedded)


def _title(subject: Subject) -> str:
    return f"Model card: buy or defer, {subject.data_day}"


def _data_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _blocks(subject: Subject, metrics: Metrics, verdict: Verdict, plots: Mapping[str, str]) -> list[Block]:
    return [
        Heading(_title(subject), 1),
        Text(f"**{plain(verdict.summary)}**"),
        Text("A random forest predicts the probability that a session ends with a purchase, from its events so far."),
        Heading("Data"),
        *_data(subject, metrics),
        Heading("Metrics on the holdout"),
        *_metrics(metrics, subject.threshold, subject.sections.calibration),
        *(Picture(_CAPTIONS[name], link) for name, link in plots.items()),
        Heading("Slices"),
        *_slices(subject.slices),
        *section_blocks(subject.sections),
        Heading("Verdict"),
        _verdict(verdict),
        Heading("Features"),
        _features(subject),
        Heading("Lineage"),
        Table(("what", "value"), [(plain(name), code(value)) for name, value in subject.lineage.items()]),
        Heading("Privacy"),
        Text(PRIVACY),
        Heading("Known limits"),
        Text(LIMITS.format(evaluated=_evaluated_on(subject))),
    ]


def _data(subject: Subject, metrics: Metrics) -> list[Block]:
    days, training = list(subject.training_days), subject.training
    span = "no days" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)} days)"
    holdout_span = subject.data_day
    if _is_split_day(subject):
        span, holdout_span = f"{span}, first part", f"{holdout_span}, rest"
    # Models trained by an earlier version have no number of sessions.
    sessions, buying = training.get("sessions", MISSING), training.get("buying_sessions", MISSING)
    share = percent(buying / sessions) if isinstance(sessions, int) and sessions else MISSING
    rows = [
        ("training", span, sessions, buying, share, training["examples"], training["positives"]),
        (
            "holdout",
            holdout_span,
            metrics.examples,
            metrics.positives,
            percent(metrics.prevalence),
            metrics.examples,
            metrics.positives,
        ),
    ]
    columns = ("part", "days (UTC)", "sessions", "buying sessions", "share", "examples", "examples of buying sessions")
    note = f"In training an example of a buying session has weight {training['weight']}, any other has weight 1."
    return [Table(columns, rows), Text(COUNTS), Text(f"{note} {_calibration(training['calibration'])}")]


def _is_split_day(subject: Subject) -> bool:
    """Return whether training and holdout are parts of the same day, as with the setting of 0 training days."""
    return list(subject.training_days) == [subject.data_day]


def _evaluated_on(subject: Subject) -> str:
    if _is_split_day(subject):
        return "the later part of the one day whose earlier part it was trained on"
    return "the one day after the training days"


def _calibration(calibration: Mapping[str, Any] | None) -> str:
    if not calibration:
        return "Scores are not calibrated."
    if calibration["kind"] == "odds":
        return f"Calibration multiplies the odds of the score by {number(calibration['factor'], 4)} to correct for it."
    return f"Calibration: {plain(str(calibration['kind']))}."


def _metrics(metrics: Metrics, threshold: float | None, calibration: CalibrationRatio | None) -> list[Block]:
    prevalence = f"prevalence: {score(metrics.prevalence)}"
    rows = [
        ("ROC AUC", score(metrics.roc_auc), _interval(metrics.roc_auc_interval)),
        (
            "average precision",
            score(metrics.average_precision),
            "; ".join(filter(None, (_interval(metrics.average_precision_interval), prevalence))),
        ),
        (
            "effective number of buyers",
            MISSING if metrics.effective_positives is None else number(metrics.effective_positives, 1),
            f"of {count(metrics.visitors)} visitors; purchases of one visitor count less the more they are",
        ),
        ("log loss", score(metrics.log_loss), f"constant forecast of the prevalence: {score(metrics.base_log_loss)}"),
        ("Brier score", score(metrics.brier), "mean squared error of the probability"),
        (
            "calibration error",
            score(metrics.calibration_error),
            "mean difference between forecast and share of buying sessions, in 10 bins of equal size",
        ),
        *calibration_rows(calibration),
        ("threshold", score(threshold), "a session at or above it is classified as a buyer"),
    ]
    reasons = sorted(set(metrics.missing.values()))
    return [Table(("metric", "value", "note"), rows), *(Text(f"Not computed: {reason}.") for reason in reasons)]


def _slices(slices: Sequence[Slice]) -> list[Block]:
    if not slices:
        return [Text("The holdout was not divided into slices.")]
    rows = [
        (plain(s.by), plain(s.label), s.examples, s.positives, score(s.roc_auc), _interval(s.interval)) for s in slices
    ]
    return [Table(("by", "value", "sessions", "buying sessions", "ROC AUC", "note"), rows)]


def _verdict(verdict: Verdict) -> Table:
    rows = [
        (
            plain(rule.name),
            _rule_value(rule),
            rule.limit,
            "yes" if rule.passed else "**no**",
            plain(rule.why + (f"; {rule.note}" if rule.note else "")),
        )
        for rule in verdict.rules
    ]
    return Table(("rule", "value", "required", "passed", "explanation"), rows)


def _rule_value(rule: Rule) -> str:
    """Return the value with enough digits to compare it with the number in the requirement."""
    if rule.value is None:
        return MISSING
    limit = re.search(r"-?\d[\d,.]*(e-?\d+)?", rule.limit)
    return number_beside(rule.value, float(limit[0].rstrip(",.").replace(",", ""))) if limit else number(rule.value)


def _features(subject: Subject) -> Table:
    importances: Mapping[str, float] = subject.training["importances"]
    rows = []
    for entry in sorted(subject.features, key=lambda e: (-importances.get(e["name"], 0.0), e["name"])):
        name = entry["name"]
        parameters = ", ".join(f"{k} {_word(v)}" for k, v in entry.items() if k not in ("name", "op"))
        figures = percent(importances.get(name)), change(subject.permutation.get(name))
        rows.append((code(name), entry["op"], plain(parameters), *figures))
    return Table(("feature", "operation", "parameters", "importance", "loss of ROC AUC if shuffled"), rows)


def _interval(bounds: tuple[float, float] | None) -> str:
    return f"95 % interval {interval(bounds)}" if bounds else ""


def _word(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
