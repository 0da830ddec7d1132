"""Fit the pipeline on the days before, and write it as a bundle."""

from datetime import timedelta
from typing import Any

from leapline.features import spec as specs
from leapline.jobs.examples import content_digest, days_trained_on, split
from leapline.jobs.run import Run, main
from leapline.jobs.session import spark_session
from leapline.jobs.shape import shaped
from leapline.settings import Settings
from leapline.storage import Lake, write_json

FOREST = ("forest_trees", "forest_depth", "forest_min_leaf", "forest_features")


def run(settings: Settings, run: Run) -> dict[str, Any]:
    """Train on the window's days; the data day's sessions and visitors stay unseen.

    Raises:
        TrainingError: no examples in the window, or one class only.
        UnsupportedStageError: a stage of the pipeline has no Bundle.ML form.
    """
    from leapline import bundle
    from leapline.training.forest import fit

    lake = Lake(settings.home)
    spec = specs.load(lake.current("examples", run.day) / "features.json")
    days = [day.isoformat() for day in days_trained_on(settings, lake, run.day)]
    with spark_session(settings, "train") as spark, lake.attempt("candidates", run.day) as out:
        training, _ = split(spark, settings, lake, run.day)
        shape, trials = shaped(settings, lake, training, spec)
        result = fit(training, spec.numeric, spec.categorical, shape)
        result.model.write().overwrite().save(str(out / "pipeline"))
        write = bundle.write_with_mleap if settings.bundle_writer == "mleap" else bundle.write
        write(
            result.model,
            training.select(*spec.columns),
            out / "model.zip",
            format=settings.bundle_format,
            name="leapline",
            timestamp=f"{run.day + timedelta(days=1)}T00:00:00",
        )
        summary = result.facts.as_dict() | {
            "days": days,
            "digest": content_digest(training),
            "forest": {name: getattr(shape, name) for name in FOREST},
            "search": trials,
        }
        (out / "features.json").write_text(spec.dumps(), encoding="utf-8")
        write_json(out / "training.json", summary)
    return {key: value for key, value in summary.items() if key != "importances"}


if __name__ == "__main__":
    main("train", run)
