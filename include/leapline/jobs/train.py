"""Fit the pipeline on the days before, and write it as a bundle."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from leapline.errors import TrainingError
from leapline.features import spec as specs
from leapline.jobs.days import checked_days, training_window
from leapline.jobs.run import Run, main
from leapline.jobs.session import spark_session
from leapline.settings import Settings
from leapline.storage import Lake, write_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


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
    with spark_session(settings, "train") as spark, lake.attempt("candidates", run.day) as out:
        training, _ = split(spark, settings, lake, run.day)
        result = fit(training, spec.numeric, spec.categorical, settings)
        result.model.write().overwrite().save(str(out / "pipeline"))
        bundle.write(
            result.model,
            training.select(*spec.columns).schema,
            out / "model.zip",
            format=settings.bundle_format,
            name="leapline",
            timestamp=f"{run.day + timedelta(days=1)}T00:00:00",
        )
        summary = result.facts.as_dict() | {"days": [d.isoformat() for d in _days(settings, lake, run.day)]}
        (out / "features.json").write_text(spec.dumps(), encoding="utf-8")
        write_json(out / "training.json", summary)
    return {k: v for k, v in summary.items() if k != "importances"}


def split(spark: "SparkSession", settings: Settings, lake: Lake, day: date) -> tuple["DataFrame", "DataFrame"]:
    """Training and holdout examples: days before and the data day, or, with no training days, the day's two parts.

    No session and no visitor of the holdout is in the training examples.

    Raises:
        TrainingError: no day of the window has examples.
    """
    from leapline.training.examples import split_by_time, without_visitors_of

    holdout = _read(spark, lake, day)
    if settings.training_days == 0:
        training, holdout = split_by_time(holdout)
    else:
        training = _read(spark, lake, *_days(settings, lake, day))
    return without_visitors_of(training, holdout), holdout


def _days(settings: Settings, lake: Lake, day: date) -> list[date]:
    if settings.training_days == 0:
        return [day]
    days = [d for d in checked_days(lake, settings, day) if lake.has("examples", d)]
    if not days:
        window = training_window(settings, day)
        raise TrainingError(
            f"training days {window[0]} to {window[-1]}",
            found="no examples on any of them",
            expected="at least one day with checked events before the data day",
            fix="Choose a later date, more training days, or 0 of them to train and judge within the day.",
        )
    return days


def _read(spark: "SparkSession", lake: Lake, *days: date) -> "DataFrame":
    return spark.read.parquet(*(str(lake.current("examples", day) / "examples") for day in days))


if __name__ == "__main__":
    main("train", run)
