"""Write `spark_stages.json`: stages fitted by Spark, as Bundle.ML attributes, with Spark's outputs for some rows.

    python include/scorer/ops/testdata/spark_stages.py

The attributes are written by hand here, so that the Go reader is tested independently of leapline's writer.
"""

import json
import math
from pathlib import Path
from typing import Any

from pyspark.ml import classification, feature, regression
from pyspark.ml.linalg import Vectors, VectorUDT
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import types as t

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
CASES: list[dict[str, Any]] = []


def plain(value: Any) -> Any:
    """A value as JSON: vectors as lists, numbers that JSON lacks as strings."""
    if hasattr(value, "toArray"):
        return [plain(x) for x in value.toArray().tolist()]
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def case(
    op: str,
    attributes: dict[str, Any],
    ports: tuple[dict[str, str], dict[str, str]],
    frame: DataFrame,
    out: DataFrame | list[Row],
    **more: Any,
) -> None:
    """Add a stage with its inputs and Spark's outputs."""
    inputs, outputs = ports
    rows = [{name: plain(row[name]) for name in inputs.values()} for row in frame.collect()]
    want = [{name: plain(row[name]) for name in outputs.values()} for row in (out if isinstance(out, list) else out.collect())]
    CASES.append({"op": op, "attributes": attributes, "inputs": inputs, "outputs": outputs, "rows": rows, "want": want, **more})


def texts(*values: str) -> DataFrame:
    return spark.createDataFrame([Row(x=v) for v in values], t.StructType([t.StructField("x", t.StringType())]))


def lists(*values: list[str]) -> DataFrame:
    return spark.createDataFrame([Row(x=v) for v in values], t.StructType([t.StructField("x", t.ArrayType(t.StringType()))]))


def vectors(*values: Any) -> DataFrame:
    rows = [Row(x=v if hasattr(v, "toArray") else Vectors.dense(v)) for v in values]
    return spark.createDataFrame(rows, t.StructType([t.StructField("x", VectorUDT())]))


IO = ({"input": "x"}, {"output": "y"})
SENTENCES = [
    "Hello  World",
    "",
    " ",
    "a b\tc\n",
    "ÄÖÜ straße ΑΣ ΑΣΑ İI",
    "x\u00a0y\u2003z",
    "one",
    " lead",
    "a\x0bb\x0cc",
    "it's 3.5 €, OK? 😀!",
]
TOKENS = [
    ["a", "b", "a", "c"],
    [],
    ["the", "The", "THE", "cat"],
    ["I", "ı", "İ"],
    ["ünï", "😀", "日本語", "ab", "abc", "abcd", "abcde"],
    ["a"],
    ["b"] * 5,
]
POINTS = [
    [0.5, -1.0, 2.0, 0.0],
    [0.0, 0.0, 0.0, 0.0],
    [1.5, 3.0, -0.25, 4.0],
    [-2.0, 1.0, 1.0, 1.0],
    Vectors.sparse(4, [1, 3], [2.5, -1.5]),
]


def tokens() -> None:
    frame = texts(*SENTENCES)
    case("tokenizer", {}, IO, frame, feature.Tokenizer(inputCol="x", outputCol="y").transform(frame))
    for pattern, gaps, length, lower in [
        (r"\s+", True, 1, True),
        (r"\W", True, 0, False),
        (r"\w+", False, 2, True),
        (r"[a-z']+", False, 1, True),
        (r"\s", True, 0, True),
        (r"[^\p{L}]+", True, 1, False),
        (r"(?:ab?|l+)o*", False, 1, True),
        (r"\p{Punct}", True, 1, False),
        (r"[,.!]|\s{2}", True, 0, True),
        (r"\u0020", True, 1, True),
        (r"\h+", True, 1, True),
        (r"o.", False, 1, True),
    ]:
        stage = feature.RegexTokenizer(
            inputCol="x", outputCol="y", pattern=pattern, gaps=gaps, minTokenLength=length, toLowercase=lower
        )
        attributes = {
            "regex": {"string": pattern},
            "match_gaps": {"boolean": gaps},
            "token_min_length": {"int": length},
            "lowercase_text": {"boolean": lower},
        }
        case("regex_tokenizer", attributes, IO, frame, stage.transform(frame))
    frame = lists(*TOKENS)
    for sensitive in (False, True):
        stage = feature.StopWordsRemover(
            inputCol="x", outputCol="y", stopWords=["the", "I", "Ünï"], caseSensitive=sensitive, locale="en_US"
        )
        case(
            "stopwords_remover",
            {"stop_words": {"strings": ["the", "I", "Ünï"]}, "case_sensitive": {"boolean": sensitive}},
            IO,
            frame,
            stage.transform(frame),
        )
    for n in (1, 2, 3):
        case("ngram", {"n": {"long": n}}, IO, frame, feature.NGram(inputCol="x", outputCol="y", n=n).transform(frame))


def terms() -> None:
    frame = lists(*TOKENS)
    for binary, minimum in ((False, 1.0), (True, 2.0), (False, 0.5), (False, 0.0)):
        model = (
            feature.CountVectorizerModel.from_vocabulary(["b", "a", "ünï", "the"], inputCol="x", outputCol="y")
            .setBinary(binary)
            .setMinTF(minimum)
        )
        attributes = {"vocabulary": {"strings": model.vocabulary}, "binary": {"boolean": binary}, "min_tf": {"double": minimum}}
        case("count_vectorizer", attributes, IO, frame, model.transform(frame))
    for width, binary in ((10, False), (1000, False), (1000, True), (1 << 18, False)):
        stage = feature.HashingTF(inputCol="x", outputCol="y", numFeatures=width, binary=binary)
        attributes = {"num_features": {"long": width}, "binary": {"boolean": binary}, "hashUnsafeBytesVersion": {"int": 2}}
        out = stage.transform(frame)
        if width > 1000:
            out = [Row(y=[int(i) for i in row.y.indices]) for row in out.collect()]
        case("hashing_term_frequency", attributes, IO, frame, out, indices=width > 1000)
    # Spark SQL's hash is the hash of Spark 2's HashingTF.
    single = lists(*[[w] for w in ("a", "ab", "abc", "abcd", "abcde", "ünï", "😀")])
    buckets = single.selectExpr("x", "pmod(hash(x[0]), 100000) as y")
    out = [Row(y=[row.y]) for row in buckets.collect()]
    case(
        "hashing_term_frequency",
        {"num_features": {"long": 100_000}, "binary": {"boolean": False}},
        IO,
        single,
        out,
        indices=True,
        stage="Spark 2",
    )
    model = feature.Word2Vec(inputCol="x", outputCol="y", vectorSize=5, minCount=1, seed=1, maxIter=1).fit(frame)
    words = model.getVectors().collect()
    attributes = {
        "words": {"strings": [w.word for w in words]},
        "indices": {"longs": list(range(len(words)))},
        "word_vectors": {"doubles": [x for w in words for x in w.vector.toArray().tolist()]},
    }
    rows = lists(*TOKENS, ["unseen", "a"], ["unseen"])
    case("word_to_vector", attributes, IO, rows, model.transform(rows))
    frame = vectors(*POINTS)
    idf = feature.IDF(inputCol="x", outputCol="y", minDocFreq=1).fit(frame)
    case(
        "idf",
        {"idf": {"tensor": idf.idf.toArray().tolist()}, "docFreq": {"longs": idf.docFreq}, "numDocs": {"long": idf.numDocs}},
        IO,
        frame,
        idf.transform(frame),
    )


def elements() -> None:
    frame = vectors(*POINTS)
    case(
        "elementwise_product",
        {"scaling_vec": {"tensor": [2.0, -1.0, 0.5, 0.0]}},
        IO,
        frame,
        feature.ElementwiseProduct(inputCol="x", outputCol="y", scalingVec=Vectors.dense([2.0, -1.0, 0.5, 0.0])).transform(frame),
    )
    case(
        "vector_slicer",
        {"indices": {"longs": [3, 1]}, "names": {"strings": []}, "named_indices": {"ints": []}, "input_size": {"int": 4}},
        IO,
        frame,
        feature.VectorSlicer(inputCol="x", outputCol="y", indices=[3, 1]).transform(frame),
    )
    labelled = spark.createDataFrame([Row(x=row.x, label=float(i % 2)) for i, row in enumerate(frame.collect())])
    for name, stage in {
        "ChiSqSelector": feature.ChiSqSelector(featuresCol="x", outputCol="y", labelCol="label", numTopFeatures=2),
        "UnivariateFeatureSelector": feature.UnivariateFeatureSelector(
            featuresCol="x", outputCol="y", labelCol="label", selectionMode="numTopFeatures"
        )
        .setFeatureType("continuous")
        .setLabelType("categorical")
        .setSelectionThreshold(2),
        "VarianceThresholdSelector": feature.VarianceThresholdSelector(featuresCol="x", outputCol="y", varianceThreshold=1.5),
    }.items():
        model = stage.fit(labelled)
        attributes = {"filter_indices": {"longs": list(model.selectedFeatures)}, "input_size": {"int": 4}}
        case("chi_sq_selector", attributes, IO, frame, model.transform(labelled), stage=name)
    for degree in (1, 2, 3):
        case(
            "polynomial_expansion",
            {"degree": {"long": degree}, "input_size": {"long": 4}},
            IO,
            frame,
            feature.PolynomialExpansion(inputCol="x", outputCol="y", degree=degree).transform(frame),
        )
    for inverse in (False, True):
        case(
            "dct",
            {"inverse": {"boolean": inverse}, "input_size": {"int": 4}},
            IO,
            frame,
            feature.DCT(inputCol="x", outputCol="y", inverse=inverse).transform(frame),
        )
    long = vectors([math.sin(i) for i in range(37)])
    case(
        "dct",
        {"inverse": {"boolean": False}, "input_size": {"int": 37}},
        IO,
        long,
        feature.DCT(inputCol="x", outputCol="y").transform(long),
    )
    for centre, scale in ((True, True), (False, True), (True, False)):
        model = feature.RobustScaler(inputCol="x", outputCol="y", withCentering=centre, withScaling=scale).fit(frame)
        attributes = ({"mean": {"tensor": model.median.toArray().tolist()}} if centre else {}) | (
            {"std": {"tensor": model.range.toArray().tolist()}} if scale else {}
        )
        case("standard_scaler", attributes, IO, frame, model.transform(frame), stage="RobustScaler")


def combinations() -> None:
    assemble = feature.VectorAssembler(inputCols=["b0", "b1"], outputCol="b")
    frame = assemble.transform(
        spark.createDataFrame([Row(a=float(i % 3), b0=i * 0.5, b1=-1.0, c=float(i) - 1.5) for i in range(5)])
    )
    out = feature.Interaction(inputCols=["a", "b", "c"], outputCol="y").transform(frame)
    attributes = {"num_inputs": {"int": 3}, "input_shapes": {"shapes": [0, 2, 0]}} | {
        f"num_features{i}": {"ints": n} for i, n in enumerate([[1], [1, 1], [1]])
    }
    case("interaction", attributes, ({f"input{i}": n for i, n in enumerate("abc")}, {"output": "y"}), frame, out)
    nominal = feature.StringIndexer(inputCol="s", outputCol="a", stringOrderType="alphabetAsc").fit(
        spark.createDataFrame([Row(s=str(i)) for i in range(3)])
    )
    strings = spark.createDataFrame([Row(s=str(i % 3), b0=i * 0.5, b1=-1.0) for i in range(5)])
    frame = nominal.transform(assemble.transform(strings))
    out = feature.Interaction(inputCols=["a", "b"], outputCol="y").transform(frame)
    attributes = {
        "num_inputs": {"int": 2},
        "input_shapes": {"shapes": [0, 2]},
        "num_features0": {"ints": [3]},
        "num_features1": {"ints": [1, 1]},
    }
    case("interaction", attributes, ({"input0": "a", "input1": "b"}, {"output": "y"}), frame, out)
    schema = "d double, f float, i int, l long, s string, o boolean, k int"
    frame = spark.createDataFrame(
        [
            (2.2, 1.5, 3, 4, "foo", True, 7),
            (-3.0, 0.1, -1, 0, "bär", False, 8),
            (None, None, None, None, None, None, None),
            (1e10, 2.0, 0, 1 << 40, "", True, 9),
        ],
        schema,
    )
    names = frame.columns
    for width in (16, 1 << 10):
        stage = feature.FeatureHasher(inputCols=names, outputCol="y", numFeatures=width, categoricalCols=["k", "f"])
        attributes = {
            "num_features": {"long": width},
            "categorical_cols": {"strings": ["k", "f"]},
            "input_shapes": {"shapes": [0] * len(names)},
            "basic_types": {"basic_types": ["double", "float", "int", "long", "string", "boolean", "int"]},
            "input_names": {"strings": names},
        }
        case(
            "feature_hasher",
            attributes,
            ({f"input{i}": n for i, n in enumerate(names)}, {"output": "y"}),
            frame,
            stage.transform(frame),
        )


def labelled(classes: int, rows: int = 60) -> DataFrame:
    data = [
        Row(x=Vectors.dense([math.sin(3 * i), math.cos(5 * i), (i % 7) / 3 - 1.0]), label=float((i * i + i // 3) % classes))
        for i in range(rows)
    ]
    return spark.createDataFrame(data)


CLASSIFIER = ({"features": "x"}, {"raw_prediction": "rawPrediction", "probability": "probability", "prediction": "prediction"})


def models() -> None:
    frame = labelled(3)
    few = frame.limit(8)
    for thresholds in (None, [0.2, 0.5, 0.3]):
        estimator = classification.MultilayerPerceptronClassifier(featuresCol="x", layers=[3, 5, 4, 3], seed=2, maxIter=20)
        model = estimator.setThresholds(thresholds).fit(frame) if thresholds else estimator.fit(frame)
        attributes = {"layers": {"longs": [3, 5, 4, 3]}, "weights": {"tensor": model.weights.toArray().tolist()}}
        attributes |= {"thresholds": {"doubles": thresholds}} if thresholds else {}
        case("multi_layer_perceptron_classifier", attributes, CLASSIFIER, few, model.transform(few))
    model = classification.OneVsRest(classifier=classification.LogisticRegression(regParam=0.1), featuresCol="x").fit(frame)
    submodels = [
        {
            "op": "logistic_regression",
            "attributes": {
                "num_classes": {"long": 2},
                "coefficients": {"tensor": m.coefficients.toArray().tolist()},
                "intercept": {"double": m.intercept},
            },
        }
        for m in model.models
    ]
    ports = ({"features": "x"}, {"raw_prediction": "rawPrediction", "prediction": "prediction"})
    case(
        "one_vs_rest",
        {"num_classes": {"long": 3}, "num_features": {"long": 3}},
        ports,
        few,
        model.transform(few),
        submodels=submodels,
    )
    numbers = spark.createDataFrame(
        [Row(x=float(v), label=w) for v, w in [(1, 2.0), (2, 1.5), (3, 4.0), (4, 3.0), (6, 3.5), (8, 9.0)]]
    )
    probe = spark.createDataFrame([Row(x=v) for v in (-1.0, 1.0, 1.5, 2.0, 3.5, 5.0, 6.0, 7.3, 8.0, 99.0)])
    for isotonic in (True, False):
        model = regression.IsotonicRegression(featuresCol="x", isotonic=isotonic).fit(numbers)
        attributes = {
            "boundaries": {"doubles": model.boundaries.toArray().tolist()},
            "predictions": {"doubles": model.predictions.toArray().tolist()},
            "isotonic": {"boolean": isotonic},
        }
        case("isotonic_regression", attributes, ({"features": "x"}, {"prediction": "prediction"}), probe, model.transform(probe))
    for family, link, more in [
        ("gaussian", None, {}),
        ("gaussian", "log", {}),
        ("gaussian", "inverse", {}),
        ("binomial", None, {}),
        ("binomial", "probit", {}),
        ("binomial", "cloglog", {}),
        ("poisson", None, {}),
        ("poisson", "sqrt", {}),
        ("poisson", "identity", {}),
        ("gamma", None, {}),
        ("gamma", "log", {}),
        ("tweedie", None, {"variancePower": 1.6}),
        ("tweedie", None, {"variancePower": 1.6, "linkPower": 0.0}),
        ("tweedie", None, {"variancePower": 0.0, "linkPower": 0.3}),
    ]:
        base = labelled(2) if family == "binomial" else labelled(3)
        data = base if family == "binomial" else base.selectExpr("x", "label + 1 as label")
        model = (
            regression.GeneralizedLinearRegression(
                featuresCol="x", family=family, link=link, linkPredictionCol="link", regParam=0.1, **more
            ).fit(data)
            if link
            else regression.GeneralizedLinearRegression(
                featuresCol="x", family=family, linkPredictionCol="link", regParam=0.1, **more
            ).fit(data)
        )
        attributes = {
            "coefficients": {"tensor": model.coefficients.toArray().tolist()},
            "intercept": {"double": model.intercept},
            "family": {"string": family},
        }
        attributes |= {"link": {"string": link}} if link else {}
        attributes |= {{"variancePower": "variance_power", "linkPower": "link_power"}[k]: {"double": v} for k, v in more.items()}
        far = vectors([0.1, 0.2, 0.3], [1e3, -1e3, 1e3], [-1e3, 1e3, 5.0], [1e300, 1.0, 1.0])
        case(
            "generalized_linear_regression",
            attributes,
            ({"features": "x"}, {"prediction": "prediction", "link_prediction": "link"}),
            far,
            model.transform(far),
        )


if __name__ == "__main__":
    for part in (tokens, terms, elements, combinations, models):
        part()
    target = Path(__file__).with_suffix(".json")
    target.write_text('{"cases": [\n' + ",\n".join(json.dumps(c, ensure_ascii=False) for c in CASES) + "\n]}\n")
    print(f"{len(CASES)} cases in {target}")
