"""The forest ranks nearly as well as the true probabilities, and is reproducible."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from leapline.bundle.fitted import without_summaries
from leapline.errors import SettingsError, TrainingError
from leapline.settings import Settings
from leapline.training import forest
from leapline.training.calibration import odds_times

pytestmark = pytest.mark.spark
NUMERIC, CATEGORICAL = ("x1", "x2", "x3", "session_index"), ("device_type",)
SETTINGS = Settings(forest_trees=20, forest_depth=5, forest_min_leaf=10, fit_partitions=3)
SHIPPED = SETTINGS.model_copy(update={"forest_min_leaf": Settings.model_fields["forest_min_leaf"].default})


def table(rows: int, seed: int) -> "pd.DataFrame":
    """Return sessions with the true probability of a purchase (about 5 % on average) in `truth`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    device = rng.choice(["Mobile", "Computer", "Tablet"], size=rows)
    truth = 1 / (1 + np.exp(3.9 - 0.9 * x[:, 0] - 0.7 * np.abs(x[:, 1]) + 0.5 * (device == "Mobile")))
    return pd.DataFrame(
        {
            "session": [f"s{i:06d}" for i in range(rows)],
            "label": (rng.random(rows) < truth).astype("int32"),
            "x1": x[:, 0],
            "x2": x[:, 1],
            "x3": x[:, 2],
            "session_index": rng.integers(1, 5, size=rows).astype(float),
            "device_type": device,
            "truth": truth,
        }
    )


def scores(model: Any, examples: Any) -> "np.ndarray[Any, Any]":
    """Return the probability of class 1, sorted by session."""
    rows = model.transform(examples).select("session", "probability").orderBy("session").collect()
    return np.array([row["probability"][1] for row in rows])


def _forest(model: Any) -> Any:
    return model.stages[-1]


@pytest.fixture(scope="module")
def fitted(spark: Any) -> Any:
    return forest.fit(spark.createDataFrame(table(12_000, 1)), NUMERIC, CATEGORICAL, SETTINGS)


def test_weighting_keeps_leaves_and_ranks_nearly_optimally(spark: Any) -> None:
    holdout = table(8_000, 2)
    examples = spark.createDataFrame(holdout)
    best = roc_auc_score(holdout.label, holdout.truth)
    training = spark.createDataFrame(table(12_000, 1))
    model = forest.fit(training, NUMERIC, CATEGORICAL, SHIPPED).model
    balanced = scores(model, examples)

    from pyspark.sql.functions import lit

    pipeline = forest.default_pipeline(NUMERIC, CATEGORICAL, SHIPPED)
    ordered = forest.in_fixed_order(training, SHIPPED.fit_partitions)
    plain = without_summaries(pipeline.fit(ordered.withColumn("weight", lit(1.0))))
    unweighted = scores(plain, examples)

    assert roc_auc_score(holdout.label, balanced) > best - 0.035
    assert roc_auc_score(holdout.label, balanced) > roc_auc_score(holdout.label, unweighted) + 0.02
    leaves = [_forest(fitted).totalNumNodes for fitted in (model, plain)]
    assert leaves[0] > 2 * leaves[1], "sibling leaves were merged"


def test_calibration_corrects_for_weight(spark: Any, fitted: Any) -> None:
    holdout = table(8_000, 3)
    p = scores(fitted.model, spark.createDataFrame(holdout))
    calibrated = odds_times(fitted.facts.calibration["factor"], p)
    assert abs(calibrated.mean() - holdout.label.mean()) < 0.01 < 0.1 < abs(p.mean() - holdout.label.mean())
    assert log_loss(holdout.label, calibrated) < 1.03 * log_loss(holdout.label, holdout.truth)
    assert log_loss(holdout.label, p) > 1.5 * log_loss(holdout.label, holdout.truth)


def test_training_facts_describe_the_fitted_model(fitted: Any) -> None:
    facts = fitted.facts
    assert facts.examples == 12_000
    assert facts.weight == round((12_000 - facts.positives) / facts.positives)
    assert set(facts.importances) == {*NUMERIC, *CATEGORICAL}
    assert sum(facts.importances.values()) == pytest.approx(1)
    assert list(facts.importances)[:2] == ["x1", "x2"]
    assert 0 < facts.threshold < 1
    assert facts.as_dict()["importances"] == facts.importances
    assert [stage.uid for stage in fitted.model.stages] == [
        "StringIndexer_0", "VectorAssembler_1", "RandomForestClassifier_2"
    ]  # fmt: skip


def test_forest_is_independent_of_partitions_and_row_order(spark: Any) -> None:
    rows = table(3_000, 4)
    small = SETTINGS.model_copy(update={"forest_trees": 4})
    forests = set()
    for partitions in (1, 2, 4):
        shuffled = rows.sample(frac=1, random_state=partitions)
        examples = spark.createDataFrame(shuffled).repartition(partitions)
        forests.add(_forest(forest.fit(examples, NUMERIC, CATEGORICAL, small).model).toDebugString)
    assert len(forests) == 1
    other = forest.fit(spark.createDataFrame(rows), NUMERIC, CATEGORICAL, small.model_copy(update={"seed": 7}))
    assert _forest(other.model).toDebugString not in forests


@pytest.mark.parametrize(
    ("label", "words"), [(None, "no examples"), (0, "none of them with label 1"), (1, "all of them with label 1")]
)
def test_rejects_examples_without_both_classes(spark: Any, label: int | None, words: str) -> None:
    rows = spark.createDataFrame(table(10, 1))
    examples = (
        rows.limit(0)
        if label is None
        else rows.selectExpr(f"{label} AS label", *[c for c in rows.columns if c != "label"])
    )
    with pytest.raises(TrainingError, match=words):
        forest.fit(examples, NUMERIC, CATEGORICAL, SETTINGS)


def test_error_names_maxbins_for_too_many_categories(spark: Any) -> None:
    rows = table(400, 1).assign(device_type=lambda t: t.session)
    with pytest.raises(TrainingError, match="maxBins"):
        forest.fit(spark.createDataFrame(rows), NUMERIC, CATEGORICAL, SETTINGS)


def own_pipeline(numeric: Any, categorical: Any, settings: Settings) -> Any:
    """A custom pipeline: one-hot categories, no forest."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler

    stages = [
        StringIndexer(inputCols=["device_type"], outputCols=["device_type_index"]),
        OneHotEncoder(inputCols=["device_type_index"], outputCols=["device_type_hot"]),
        VectorAssembler(inputCols=[*numeric, "device_type_hot"], outputCol="features"),
        LogisticRegression(weightCol="weight"),
    ]
    return Pipeline(stages=stages)


def no_pipeline(numeric: Any, categorical: Any, settings: Settings) -> int:
    """A function that does not return a pipeline."""
    return 3


def test_fits_custom_pipeline(spark: Any) -> None:
    settings = SETTINGS.model_copy(update={"pipeline": f"{__name__}:own_pipeline"})
    holdout = table(2_000, 2)
    result = forest.fit(spark.createDataFrame(table(2_000, 1)), NUMERIC, CATEGORICAL, settings)
    assert roc_auc_score(holdout.label, scores(result.model, spark.createDataFrame(holdout))) > 0.7
    assert result.facts.importances == {}
    assert result.model.stages[3].uid == "LogisticRegression_3"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no.such:thing", "No module named"),
        (f"{__name__}:nothing", "nothing"),
        ("nocolon", "ModuleNotFoundError"),
        (f"{__name__}:NUMERIC", "a function"),
        (f"{__name__}:no_pipeline", "returns int"),
    ],
)
def test_rejects_invalid_pipeline_setting(spark: Any, name: str, words: str) -> None:
    wrong = SETTINGS.model_copy(update={"pipeline": name})
    with pytest.raises(SettingsError, match=words):
        forest.fit(spark.createDataFrame(table(10, 1)), NUMERIC, CATEGORICAL, wrong)
