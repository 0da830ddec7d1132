"""The record of a candidate: its evaluation, read back from the lake, and its model card."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from leapline.errors import NotInLakeError
from leapline.evaluation import card
from leapline.evaluation.best_champion import BestChampion
from leapline.evaluation.calibration_ratio import CalibrationRatio
from leapline.evaluation.card_sections import CardSections
from leapline.evaluation.champion import ChampionComparison, comparison_from
from leapline.evaluation.item_choices import ItemChoices
from leapline.evaluation.item_rules import ItemEvidence
from leapline.evaluation.leakage import Leakage
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.plots import NAMES
from leapline.evaluation.served_rules import ServedEvidence
from leapline.evaluation.session_progress import Progress
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Evidence, Verdict
from leapline.features import spec as specs
from leapline.runtime.lineage import code_version, libraries
from leapline.storage import Folder, Lake, read_json, write_bytes

CARD, CARD_HTML = "card.md", "card.html"


@dataclass(frozen=True)
class CandidateRecord:
    """The evaluation of a day's candidate.

    Attributes:
        evidence: the input of the verdict's rules.
        subject: what the card contains besides metrics and verdict; equal for equal days, settings and code.
        plots: the folder of plots.
    """

    evidence: Evidence
    subject: card.Subject
    plots: Path

    @property
    def champion(self) -> ChampionComparison:
        """The champion that the candidate was compared with."""
        return self.evidence.champion or ChampionComparison("none", "there is no champion yet")

    @property
    def best_champion(self) -> BestChampion:
        """The best champion of the last days that the candidate was compared with."""
        return self.evidence.best_champion or BestChampion("off", "it was not looked for", 0)


def read(lake: Lake, day: date) -> CandidateRecord:
    """Return the record of a day's candidate.

    Raises:
        NotInLakeError: no candidate or no evaluation of that day, or files of an earlier version.
    """
    candidate, evaluation = lake.current("candidates", day), lake.current("evaluations", day)
    try:
        return _read(day, candidate, evaluation)
    except KeyError as exc:
        raise NotInLakeError(
            f"candidate and evaluation of {day}",
            found=f"files of an earlier version, without {exc}",
            expected="files of this version",
            fix=f"Run `leapline train --date {day}` and `leapline evaluate --date {day}` again.",
        ) from exc


def _read(day: date, candidate: Folder, evaluation: Folder) -> CandidateRecord:
    training, metrics = read_json(candidate / "training.json"), read_json(evaluation / "metrics.json")
    slices, champion = [Slice.from_dict(part) for part in metrics["slices"]], read_json(evaluation / "champion.json")
    evidence = Evidence(
        metrics=Metrics.from_dict(metrics),
        training_days=training["days"],
        largest_tree=metrics["largest_tree"],
        importances=training["importances"],
        slices=slices,
        champion=ChampionComparison.from_dict(champion),
        best_champion=BestChampion.from_dict(champion["best"]),
        baseline=comparison_from(metrics["baseline"]),
        served=_served(metrics),
        leakage=Leakage.from_dict(metrics["leakage"]),
    )
    return CandidateRecord(evidence, _subject(day, candidate, training, metrics, slices), evaluation / "plots")


def _served(metrics: dict[str, Any]) -> ServedEvidence:
    """Return the evidence about what the scorer answers from the content of `metrics.json`."""
    items = metrics["items"]
    return ServedEvidence(
        progress=[Progress.from_dict(row) for row in metrics["moments"]],
        calibration=CalibrationRatio.from_dict(metrics["calibration_ratio"]),
        items=items
        and ItemEvidence(
            Metrics.from_dict(items),
            CalibrationRatio.from_dict(items["calibration_ratio"]),
            ItemChoices.from_dict(items["choices"]),
        ),
    )


def _subject(
    day: date, candidate: Folder, training: dict[str, Any], metrics: dict[str, Any], slices: list[Slice]
) -> card.Subject:
    spec, served = specs.load(candidate / "features.json"), _served(metrics)
    return card.Subject(
        data_day=day.isoformat(),
        training_days=training["days"],
        training=training,
        features=[feature.model_dump(mode="json", exclude_none=True) for feature in spec.features],
        threshold=training["threshold"],
        lineage={
            "code": code_version(),
            "training examples": training["digest"],
            "holdout": metrics["digest"],
            **{name.replace("_", " "): str(value) for name, value in training["forest"].items()},
            **libraries(),
        },
        permutation=metrics["permutation"],
        slices=slices,
        sections=CardSections(
            transitions=read_json(candidate / "markov.json")["millionths"],
            baseline={name: metrics[f"baseline_{name}"] for name in ("roc_auc", "average_precision")},
            progress=served.progress,
            calibration=served.calibration,
            items=metrics["items"] or {},
            leakage=Leakage.from_dict(metrics["leakage"]),
        ),
    )


def cards(
    record: CandidateRecord, verdict: Verdict, *, links: bool, lineage: dict[str, str] | None = None
) -> dict[str, bytes]:
    """Return the model card as Markdown and as HTML, by file name.

    Args:
        record: of the model.
        verdict: to show.
        links: whether the Markdown links to pictures under `plots/`.
        lineage: further lineage, such as the parent model.
    """
    subject = card.with_lineage(record.subject, lineage or {})
    plot_names = [name for name in NAMES if (record.plots / f"{name}.png").exists()]
    pictures = {name: f"plots/{name}.png" for name in plot_names} if links else {}
    metrics = record.evidence.metrics
    return {
        CARD: card.render(subject, metrics, verdict, pictures).encode(),
        CARD_HTML: card.render_html(subject, metrics, verdict, record.plots).encode(),
    }


def write_cards(
    folder: Path, record: CandidateRecord, verdict: Verdict, images: Mapping[str, str] | None = None
) -> None:
    """Write the complete card. The archive has a shorter one, which does not depend on the champion.

    Args:
        folder: to write to.
        record: of the model.
        verdict: to show.
        images: name -> digest of the images that were built, if they were.
    """
    best = record.best_champion
    lineage = {"parent": record.champion.model_id or "none", "best recent champion": best.text, **(images or {})}
    for name, content in cards(record, verdict, links=True, lineage=lineage).items():
        write_bytes(folder / name, content)
