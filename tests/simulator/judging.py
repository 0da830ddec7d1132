"""The steps before `publish`, without Spark: small records in the form, and sealed by the code, of the real ones.

`train` stands for extract, featurize, train and evaluate; `gate` for gate, package and probe. What they decide is drawn
by the seed: how good a candidate is. The simulator keeps that, to know which images may become the champion.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from leapline.deployment.factory import champion_digest, registry, trust_of
from leapline.errors import LeaplineError
from leapline.evaluation.champion import ChampionComparison
from leapline.evaluation.rules import at_least, refuse
from leapline.evaluation.verdict import Verdict, conclude
from leapline.records import binding, verdicts
from leapline.runtime.context import RunContext
from leapline.serving import image
from leapline.settings import Settings
from leapline.storage import Lake, lake_of, read_json, write_json
from leapline.storage.seal import write_data_seal

THRESHOLD: Final = 0.88
_CHAMPION: Final = "champion.json"


@dataclass(frozen=True)
class Model:
    """What the simulator knows about an image.

    Attributes:
        model_id: its tag.
        day: of its data.
        lake: that has trained it.
        passes: whether its candidate is good enough.
    """

    model_id: str
    day: date
    lake: str
    passes: bool


@dataclass
class Judging:
    """The judging steps of a world.

    Args:
        quality: draws the quality of a candidate.

    Attributes:
        models: by the digest of the image.
    """

    quality: Callable[[], float]
    models: dict[str, Model] = field(default_factory=dict)

    def train(self, settings: Settings, context: RunContext) -> dict[str, Any]:
        """Write the data of the day, a candidate and its evaluation."""
        lake, day = lake_of(settings), context.day
        quality, champion = self.quality(), _champion(settings)
        for dataset in ("events", "examples"):
            with lake.attempt(dataset, day) as out:
                (out / "rows.csv").write_text(f"{dataset} of {day}, read by {context.run_id}")
                write_data_seal(lake, out, [], {})
        with lake.attempt("candidates", day) as out:
            write_json(out / "candidate.json", {"run": context.run_id, "quality": quality, "attempt": out.name})
            binding.seal(lake, out, {})
        inputs = binding.candidate_digest(lake, day)
        with lake.attempt("evaluations", day) as out:
            write_json(out / "metrics.json", {"roc_auc": quality, "roc_auc_interval": [quality - 0.01, quality + 0.01]})
            write_json(out / _CHAMPION, champion.as_dict() | {"best": {}})
            (out / "plots").mkdir()
            (out / "plots" / "roc.svg").write_text("<svg/>")
            binding.seal(lake, out, inputs)
        return {"quality": quality, "champion": champion.digest}

    def gate(self, settings: Settings, context: RunContext) -> dict[str, Any]:
        """Judge the candidate; if it passes, build its image and judge that."""
        lake, day = lake_of(settings), context.day
        inputs = binding.checked_inputs(lake, "evaluations", day)
        evaluation = lake.current("evaluations", day)
        champion = ChampionComparison.from_dict(read_json(evaluation / _CHAMPION))
        verdict = _verdict(read_json(evaluation / "metrics.json")["roc_auc"], champion)
        with lake.attempt("verdicts", day) as out:
            result = verdicts.result_of(verdict.passed, context.backfill)
            write_json(out / verdicts.FILE, verdicts.verdict_document(verdict, context, champion, result))
            binding.seal(lake, out, inputs)
        if verdict.passed:
            self._package(settings, lake, day)
            _probe(lake, context, champion)
        return {"passed": verdict.passed, "summary": verdict.summary}

    def _package(self, settings: Settings, lake: Lake, day: date) -> None:
        inputs = binding.checked_inputs(lake, "verdicts", day)
        candidate = lake.current("candidates", day) / "candidate.json"
        with lake.attempt("packages", day) as out:
            (out / "model.zip").write_bytes(candidate.read_bytes())
            sha256 = image.sha256(candidate.read_bytes()).removeprefix("sha256:")
            model_id = f"{day.isoformat()}-{sha256[:12]}"
            built = image.build(
                out / "model.zip", _scorers(settings.home), out / "image", model_id=model_id, labels={},
                created=datetime(day.year, day.month, day.day, tzinfo=UTC),
            )  # fmt: skip
            passes = read_json(candidate)["quality"] >= THRESHOLD
            self.models[built.index_digest] = Model(model_id, day, str(settings.lake), passes)
            summary = {"model_id": model_id, "image_digest": built.index_digest, "archive_sha256": sha256}
            write_json(out / "package.json", summary)
            write_json(out / "manifest.json", {"metrics": {"roc_auc": 0.9}, "training_days": []})
            write_json(out / "provenance.json", {"builder": "simulated"})
            binding.seal(lake, out, inputs)


def _champion(settings: Settings) -> ChampionComparison:
    """Return the champion as the step evaluate would: a failure is stated, and the verdict decides about it."""
    try:
        target = registry(settings)
        digest = champion_digest(settings, target)
        if digest is None:
            return ChampionComparison("none", "there is no champion yet")
        trust_of(settings).require(target, digest)
        model_id = target.annotations(digest).get(image.LABEL + "version", "")
        return ChampionComparison("compared", "scored on the same sessions", digest, model_id)
    except LeaplineError as exc:
        return ChampionComparison("unknown", str(exc))


def _verdict(quality: float, champion: ChampionComparison) -> Verdict:
    rules = [at_least("roc_auc", quality, THRESHOLD, "ROC AUC on the holdout")]
    if champion.state == "unknown":
        rules.append(refuse("champion", "a comparison", champion.why))
    return conclude(rules)


def _probe(lake: Lake, context: RunContext, champion: ChampionComparison) -> None:
    inputs = binding.checked_inputs(lake, "packages", context.day)
    gate = lake.current("verdicts", context.day)
    verdict = Verdict.from_dict(read_json(gate / verdicts.FILE))
    digest = read_json(lake.current("packages", context.day) / "package.json")["image_digest"]
    with lake.attempt("probes", context.day) as out:
        result = verdicts.result_of(verdict.passed, context.backfill)
        document = verdicts.verdict_document(verdict, context, champion, result)
        write_json(out / verdicts.FILE, document | {"gate": gate.name, "image": digest})
        write_json(out / "probe.json", {"platforms": {"amd64": {"passed": True, "state": "passed"}}})
        for name in ("card.md", "card.html"):
            write_json(out / name, {})
        binding.seal(lake, out, inputs)


def _scorers(folder: Path) -> dict[str, Path]:
    binary = folder / "scorer"
    if not binary.exists():
        binary.write_text("#!/bin/sh\n")
    return {"amd64": binary}
