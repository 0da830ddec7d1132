"""A model's papers: what was found on its holdout, read back from the lake, and its card."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from leapline.errors import NotInLakeError
from leapline.evaluation import card
from leapline.evaluation.card_sections import Companions
from leapline.evaluation.champion import Rival, comparison_from
from leapline.evaluation.metrics import Metrics
from leapline.evaluation.plots import NAMES
from leapline.evaluation.slices import Slice
from leapline.evaluation.verdict import Evidence, Verdict
from leapline.features import spec as specs
from leapline.runtime.lineage import code_version, libraries
from leapline.storage import Lake, read_json, write_bytes

CARD, CARD_HTML = "card.md", "card.html"


@dataclass(frozen=True)
class Papers:
    """What a day's candidate was found to be.

    Attributes:
        evidence: what the rules look at.
        subject: what the card tells beside metrics and verdict; the same days, settings and code give the same.
        plots: the folder of pictures.
    """

    evidence: Evidence
    subject: card.Subject
    plots: Path

    @property
    def champion(self) -> Rival:
        """The champion that the candidate was held against."""
        return self.evidence.champion or Rival("none", "there is no champion yet")


def read(lake: Lake, day: date) -> Papers:
    """The papers of a day's candidate.

    Raises:
        NotInLakeError: no candidate or no evaluation of that day, or those of an earlier version.
    """
    candidate, evaluation = lake.current("candidates", day), lake.current("evaluations", day)
    try:
        return _read(day, candidate, evaluation)
    except KeyError as exc:
        raise NotInLakeError(
            f"candidate and evaluation of {day}",
            found=f"files of an earlier version, without {exc}",
            expected="those of this version",
            fix=f"Run `leapline train --date {day}` and `leapline evaluate --date {day}` again.",
        ) from exc


def _read(day: date, candidate: Path, evaluation: Path) -> Papers:
    training, found = read_json(candidate / "training.json"), read_json(evaluation / "metrics.json")
    slices = [Slice.from_dict(part) for part in found["slices"]]
    evidence = Evidence(
        metrics=Metrics.from_dict(found),
        training_days=training["days"],
        largest_tree=found["largest_tree"],
        importances=training["importances"],
        slices=slices,
        champion=Rival.from_dict(read_json(evaluation / "champion.json")),
        baseline=comparison_from(found["baseline"]),
    )
    return Papers(evidence, _subject(day, candidate, training, found, slices), evaluation / "plots")


def _subject(
    day: date, candidate: Path, training: dict[str, Any], found: dict[str, Any], slices: list[Slice]
) -> card.Subject:
    spec = specs.load(candidate / "features.json")
    return card.Subject(
        data_day=day.isoformat(),
        training_days=training["days"],
        training=training,
        features=[feature.model_dump(mode="json", exclude_none=True) for feature in spec.features],
        threshold=training["threshold"],
        lineage={
            "code": code_version(),
            "training examples": training["digest"],
            "holdout": found["digest"],
            **{name.replace("_", " "): str(value) for name, value in training["forest"].items()},
            **libraries(),
        },
        permutation=found["permutation"],
        slices=slices,
        beside=Companions(
            chains=read_json(candidate / "markov.json")["millionths"],
            baseline={name: found[f"baseline_{name}"] for name in ("roc_auc", "average_precision")},
            moments=found["moments"],
            items=found["items"] or {},
        ),
    )


def cards(papers: Papers, verdict: Verdict, *, links: bool, lineage: dict[str, str] | None = None) -> dict[str, bytes]:
    """The card in both forms, by file name.

    Args:
        papers: of the model.
        verdict: to show.
        links: whether the Markdown links to pictures under `plots/`.
        lineage: more of where the model comes from, such as its parent.
    """
    subject = card.with_lineage(papers.subject, lineage or {})
    drawn = [name for name in NAMES if (papers.plots / f"{name}.png").exists()]
    pictures = {name: f"plots/{name}.png" for name in drawn} if links else {}
    metrics = papers.evidence.metrics
    return {
        CARD: card.render(subject, metrics, verdict, pictures).encode(),
        CARD_HTML: card.render_html(subject, metrics, verdict, papers.plots).encode(),
    }


def write_cards(folder: Path, papers: Papers, verdict: Verdict) -> None:
    """The card with all that is known by now: beside the model, and not in the archive."""
    parent = {"parent": papers.champion.model_id or "none"}
    for name, content in cards(papers, verdict, links=True, lineage=parent).items():
        write_bytes(folder / name, content)
