"""Small data frames and a catalogue of pipelines: the golden cases, and one pipeline for each option of each stage."""

import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

X = [f"x{i}" for i in range(6)]
SCHEMA = (
    "colour string, country string, color string, grp string, x double, y double not null, z double not null, "
    "f float, n int, m double, k int, w double not null, "
    + ", ".join(f"{x} double not null" for x in X)
    + ", label double not null, label3 double not null, target double not null, words string not null"
)
WORDS = ["Red shoes", "the  blue Hat", "Red hat, red scarf!", "", "a hat for the Ünï", "no known terms here"]
COLOURS, COUNTRIES = ["red", "blue", "green", "violet"], ["nl", "fr", "de"]


def training_frame(spark: "SparkSession", rows: int = 240) -> "DataFrame":
    """Rows with every category, and with nulls in the columns for an Imputer (x, f, n); without NaN."""
    draw = random.Random(7)
    return spark.createDataFrame([_row(draw, i, False) for i in range(rows)], SCHEMA).coalesce(1)


def scoring_frame(spark: "SparkSession", rows: int = 60) -> "DataFrame":
    """Rows with unseen and null categories, and with null or NaN in m, k and w."""
    draw = random.Random(8)
    return spark.createDataFrame([_row(draw, i, True) for i in range(rows)], SCHEMA).coalesce(1)


def _row(draw: random.Random, i: int, unusual: bool) -> tuple[Any, ...]:
    x = [draw.gauss(0, 1) for _ in X]
    texts = [COLOURS[i % 4], COUNTRIES[i % 3], ["blue", "Ünï", "green", "red"][i % 4], "abcde"[i % 5]]
    if unusual:
        texts = [draw.choice([t, t, "unseen", None]) for t in texts]
    missing = draw.random() < 0.2
    label = float(x[0] + 0.5 * x[1] + draw.gauss(0, 0.5) + (i % 4 == 0) > 0)
    label3 = float((i % 3 + (x[2] > 1)) % 3)
    numbers = [None if missing else x[3] * 10, x[4], x[5] + 5, None if missing else x[1], None if missing else i % 7]
    m = draw.choice([None, math.nan, -1.0, x[2]]) if unusual else draw.choice([x[2], -1.0])
    k = draw.choice([None, i % 5]) if unusual else i % 5
    w = draw.choice([math.nan, x[2]]) if unusual else x[2]
    return (*texts, *numbers, m, k, w, *x, label, label3, 2 * x[0] - x[1] + draw.gauss(0, 0.1), WORDS[i % len(WORDS)])


def stages(name: str) -> list[Any]:
    """Return the unfitted stages of a pipeline."""
    if name.startswith("random"):
        return random_stages(random.Random(name))
    return CATALOGUE[name]() if name in CATALOGUE else GOLDEN[name]()


def assembled(columns: list[str] = X, out: str = "features", **options: Any) -> Any:
    from pyspark.ml.feature import VectorAssembler

    return VectorAssembler(inputCols=columns, outputCol=out, **options)


def _rf_mixed() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import OneHotEncoder, StandardScaler, StringIndexer

    return [
        StringIndexer(inputCols=["colour", "country"], outputCols=["ci", "co"], handleInvalid="keep"),
        OneHotEncoder(inputCols=["ci", "co"], outputCols=["cv", "cw"]),
        assembled(["cv", "cw", *X], "raw"),
        StandardScaler(inputCol="raw", outputCol="features"),
        RandomForestClassifier(numTrees=3, seed=1),
    ]


def _rf_imputer() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer

    return [
        StringIndexer(inputCol="color", outputCol="color_i", handleInvalid="keep"),
        StringIndexer(inputCol="grp", outputCol="grp_i", handleInvalid="keep"),
        OneHotEncoder(inputCols=["color_i", "grp_i"], outputCols=["color_v", "grp_v"], handleInvalid="keep"),
        Imputer(inputCol="x", outputCol="x_imp"),
        assembled(["color_v", "grp_v", "x_imp", "y", "z"], "raw"),
        StandardScaler(inputCol="raw", outputCol="features", withMean=True),
        RandomForestClassifier(numTrees=3, seed=1),
    ]


def _rf_categorical() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer, VectorIndexer

    return [
        StringIndexer(inputCol="colour", outputCol="ci", handleInvalid="keep"),
        assembled(["ci", "x0", "x1", "x2", "x4", "x5"], "raw"),
        VectorIndexer(inputCol="raw", outputCol="features", maxCategories=8, handleInvalid="keep"),
        RandomForestClassifier(numTrees=5, seed=1),
    ]


def _index_to_string() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import IndexToString, StringIndexer

    return [
        StringIndexer(inputCol="country", outputCol="lab"),
        StringIndexer(inputCol="colour", outputCol="ci", handleInvalid="keep"),
        assembled([*X, "ci"]),
        RandomForestClassifier(labelCol="lab", numTrees=3, seed=1),
        IndexToString(inputCol="prediction", outputCol="country_pred", labels=["de", "fr", "nl"]),
    ]


def _bucketizer_logistic() -> list[Any]:
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import Binarizer, Bucketizer, QuantileDiscretizer

    return [
        Bucketizer(splits=[-math.inf, -1, 0, 1, math.inf], inputCol="x0", outputCol="b0", handleInvalid="keep"),
        QuantileDiscretizer(numBuckets=5, inputCol="x1", outputCol="b1"),
        Binarizer(threshold=0.2, inputCol="x2", outputCol="b2"),
        assembled(["b0", "b1", "b2", "x4"]),
        LogisticRegression(),
    ]


def _naive_bayes() -> list[Any]:
    from pyspark.ml.classification import NaiveBayes

    unused = assembled(["x0"], "q")
    return [unused, _thirds("x1", "b1"), _thirds("x0", "b0"), assembled(["b0", "b1"]), NaiveBayes()]


def _thirds(column: str, out: str) -> Any:
    from pyspark.ml.feature import Bucketizer

    return Bucketizer(splits=[-math.inf, 0, 1, math.inf], inputCol=column, outputCol=out)


def _scalers_pca() -> list[Any]:
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import PCA, MaxAbsScaler, Normalizer, StandardScaler

    return [
        assembled(out="a"),
        StandardScaler(inputCol="a", outputCol="b", withMean=True),
        MaxAbsScaler(inputCol="b", outputCol="c"),
        Normalizer(inputCol="c", outputCol="d"),
        PCA(k=3, inputCol="d", outputCol="features"),
        LogisticRegression(),
    ]


def _logistic_minmax() -> list[Any]:
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import MinMaxScaler

    return [assembled(out="raw"), MinMaxScaler(inputCol="raw", outputCol="features"), LogisticRegression()]


def _model(kind: str, columns: list[str] = X, **options: Any) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml import classification, clustering, regression

        estimator = next(getattr(m, kind) for m in (classification, regression, clustering) if hasattr(m, kind))
        thresholds = options.get("thresholds")
        model = estimator(**{key: value for key, value in options.items() if key != "thresholds"})
        return [assembled(columns), model.setThresholds(thresholds) if thresholds else model]

    return build


GOLDEN: dict[str, Callable[[], list[Any]]] = {
    "rf_mixed": _rf_mixed,
    "rf_imputer": _rf_imputer,
    "rf_categorical": _rf_categorical,
    "rf_plain": _model("RandomForestClassifier", numTrees=3, maxDepth=7, seed=1),
    "gbt_classifier": _model("GBTClassifier", maxIter=3, seed=1),
    "tree_classifier": _model("DecisionTreeClassifier"),
    "logistic_minmax": _logistic_minmax,
    "logistic_multinomial": _model("LogisticRegression", labelCol="label3"),
    "naive_bayes": _naive_bayes,
    "linear_regression": _model("LinearRegression", X[:5], labelCol="target"),
    "rf_regressor": _model("RandomForestRegressor", X[:5], labelCol="target", numTrees=3, seed=1),
    "gbt_regressor": _model("GBTRegressor", X[:5], labelCol="target", maxIter=3, seed=1),
    "kmeans": _model("KMeans", k=4, seed=1),
    "gaussian_mixture": _model("GaussianMixture", k=3, seed=1, maxIter=5),
    "bisecting_kmeans": _model("BisectingKMeans", X[:5], k=4, seed=1),
    "bucketizer_logistic": _bucketizer_logistic,
    "index_to_string": _index_to_string,
    "scalers_pca": _scalers_pca,
}


def _one_hot(*, drop_last: bool, keep: bool) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml.feature import OneHotEncoder, StringIndexer

        mode = "keep" if keep else "error"
        return [
            StringIndexer(inputCol="colour", outputCol="ci", handleInvalid="keep"),
            OneHotEncoder(inputCol="ci", outputCol="features", dropLast=drop_last, handleInvalid=mode),
        ]

    return build


def _imputer(strategy: str) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml.feature import Imputer

        columns = ["x", "f", "n", "m"]
        outs = [f"{c}_imp" for c in columns]
        return [Imputer(inputCols=columns, outputCols=outs, strategy=strategy)]

    return build


def _imputer_missing_value() -> list[Any]:
    from pyspark.ml.feature import Imputer

    return [Imputer(inputCols=["n"], outputCols=["n_imp"], missingValue=3.0), assembled(["n_imp", "y"])]


def _assembler_keep() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier

    return [assembled(["m", "k", "w", "x0"], handleInvalid="keep"), RandomForestClassifier(numTrees=3, seed=1)]


def _scaler(**options: Any) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml.feature import StandardScaler

        return [assembled(out="raw"), StandardScaler(inputCol="raw", outputCol="features", **options)]

    return build


def _several_columns() -> list[Any]:
    from pyspark.ml.feature import Binarizer, Bucketizer, QuantileDiscretizer

    cuts = [[-math.inf, 0.0, math.inf], [-math.inf, -0.5, 0.5, math.inf]]
    return [
        Bucketizer(splitsArray=cuts, inputCols=["w", "x1"], outputCols=["b0", "b1"], handleInvalid="keep"),
        QuantileDiscretizer(
            numBucketsArray=[3, 4], inputCols=["x2", "x3"], outputCols=["q2", "q3"], handleInvalid="keep"
        ),
        Binarizer(thresholds=[0.1, -0.3], inputCols=["x4", "x5"], outputCols=["t4", "t5"]),
        Binarizer(threshold=0.5, inputCols=["x0", "y"], outputCols=["u0", "uy"]),
        assembled(["b1", "q2", "q3", "t4", "t5", "u0", "uy"], "raw"),
        Binarizer(threshold=0.5, inputCol="raw", outputCol="features"),
    ]


def _bucket_forest() -> list[Any]:
    """A tree with a categorical split on a bucket index, where NaN has a bucket outside the categories."""
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import Bucketizer

    return [
        Bucketizer(splits=[-math.inf, -1, -0.3, 0.6, math.inf], inputCol="w", outputCol="b", handleInvalid="keep"),
        assembled(["b", "x0"]),
        RandomForestClassifier(numTrees=12, seed=4),
    ]


def _min_max_constant() -> list[Any]:
    from pyspark.ml.feature import Binarizer, MinMaxScaler

    return [
        Binarizer(threshold=1e9, inputCol="x0", outputCol="zero"),
        assembled(["zero", "x1"], "raw"),
        MinMaxScaler(inputCol="raw", outputCol="features", min=-2.0, max=3.0),
    ]


def _normalizer() -> list[Any]:
    from pyspark.ml.feature import Normalizer

    return [assembled(out="raw"), Normalizer(p=1.0, inputCol="raw", outputCol="features")]


def _labels_from_metadata() -> list[Any]:
    from pyspark.ml.feature import IndexToString, StringIndexer

    return [
        StringIndexer(inputCol="colour", outputCol="ci", handleInvalid="keep"),
        IndexToString(inputCol="ci", outputCol="again"),
    ]


def _nested() -> list[Any]:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import MinMaxScaler, StringIndexer

    inner = Pipeline(stages=[assembled(["ci", *X], "raw"), MinMaxScaler(inputCol="raw", outputCol="features")])
    indexer = StringIndexer(inputCol="colour", outputCol="ci", handleInvalid="keep")
    return [Pipeline(stages=[indexer, inner]), LogisticRegression(thresholds=[0.3, 0.7])]


def _bernoulli() -> list[Any]:
    from pyspark.ml.classification import NaiveBayes
    from pyspark.ml.feature import Binarizer

    binary = Binarizer(threshold=0.0, inputCols=X[:3], outputCols=["b0", "b1", "b2"])
    return [binary, assembled(["b0", "b1", "b2"]), NaiveBayes(modelType="bernoulli", thresholds=[0.4, 0.6])]


def _vector_indexer_error() -> list[Any]:
    from pyspark.ml.feature import VectorIndexer

    return [
        _thirds("x0", "b0"),
        assembled(["b0", "x1"], "raw"),
        VectorIndexer(inputCol="raw", outputCol="features", maxCategories=4),
    ]


def _rf_categories() -> list[Any]:
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import StringIndexer

    words, indexed = ["colour", "country", "grp"], ["ci", "co", "gi"]
    return [
        StringIndexer(inputCols=words, outputCols=indexed, handleInvalid="keep"),
        assembled([*indexed, "x1"]),
        RandomForestClassifier(labelCol="label3", numTrees=5, seed=1),
    ]


def _text_counts() -> list[Any]:
    from pyspark.ml.feature import IDF, CountVectorizer, NGram, StopWordsRemover, Tokenizer

    return [
        Tokenizer(inputCol="words", outputCol="tokens"),
        StopWordsRemover(inputCol="tokens", outputCol="kept", locale="en_US"),
        NGram(n=2, inputCol="kept", outputCol="grams"),
        CountVectorizer(inputCol="grams", outputCol="gram_counts", binary=True),
        CountVectorizer(inputCol="kept", outputCol="counts", minTF=0.3),
        IDF(inputCol="counts", outputCol="features"),
    ]


def _text_hashes() -> list[Any]:
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import IDF, HashingTF, RegexTokenizer

    return [
        RegexTokenizer(
            inputCol="words", outputCol="tokens", pattern=r"[^\\p{L}]+", minTokenLength=2, toLowercase=False
        ),
        HashingTF(inputCol="tokens", outputCol="counts", numFeatures=32),
        IDF(inputCol="counts", outputCol="features"),
        LogisticRegression(regParam=0.1),
    ]


def _text_vectors() -> list[Any]:
    from pyspark.ml.feature import RegexTokenizer, StopWordsRemover, Tokenizer, Word2Vec

    return [
        Tokenizer(inputCol="words", outputCol="t0"),
        RegexTokenizer(inputCol="words", outputCol="t1", pattern=r"\\w+", gaps=False),
        StopWordsRemover(
            inputCols=["t0", "t1"],
            outputCols=["k0", "k1"],
            caseSensitive=True,
            stopWords=["the", "Red"],
            locale="en_US",
        ),
        Word2Vec(inputCol="k0", outputCol="features", vectorSize=4, minCount=1, maxIter=1, seed=1),
    ]


def _vector_stages() -> list[Any]:
    from pyspark.ml.feature import (
        DCT,
        ElementwiseProduct,
        PolynomialExpansion,
        RobustScaler,
        VectorSizeHint,
        VectorSlicer,
    )
    from pyspark.ml.linalg import Vectors

    return [
        assembled(out="a"),
        VectorSizeHint(inputCol="a", size=6),
        RobustScaler(inputCol="a", outputCol="r", withCentering=True),
        RobustScaler(inputCol="a", outputCol="unscaled", withScaling=False),
        ElementwiseProduct(scalingVec=Vectors.dense([1.5, -2, 0, 1, 1, 3]), inputCol="r", outputCol="e"),
        DCT(inputCol="e", outputCol="d"),
        DCT(inverse=True, inputCol="d", outputCol="back"),
        VectorSlicer(indices=[4, 1], inputCol="d", outputCol="s"),
        VectorSlicer(indices=[1], names=["x5", "x0"], inputCol="a", outputCol="named"),
        PolynomialExpansion(degree=3, inputCol="s", outputCol="features"),
    ]


def _selectors() -> list[Any]:
    from pyspark.ml.feature import Binarizer, ChiSqSelector, UnivariateFeatureSelector, VarianceThresholdSelector

    binary = ["b0", "b1", "b2"]
    univariate = UnivariateFeatureSelector(
        featuresCol="a", outputCol="u", labelCol="label", selectionMode="numTopFeatures"
    )
    return [
        Binarizer(threshold=0.0, inputCols=X[:3], outputCols=binary),
        assembled(binary, "b"),
        assembled(out="a"),
        ChiSqSelector(numTopFeatures=2, featuresCol="b", outputCol="c"),
        univariate.setFeatureType("continuous").setLabelType("categorical").setSelectionThreshold(3),
        VarianceThresholdSelector(varianceThreshold=1.0, featuresCol="a", outputCol="v"),
        assembled(["c", "u", "v"]),
    ]


def _interaction() -> list[Any]:
    from pyspark.ml.feature import Interaction, OneHotEncoder, StringIndexer

    return [
        StringIndexer(inputCols=["colour", "country"], outputCols=["ci", "co"], handleInvalid="keep"),
        OneHotEncoder(inputCol="co", outputCol="cv"),
        assembled(["x0", "ci"], "a"),
        Interaction(inputCols=["ci", "cv", "x1", "a"], outputCol="features"),
    ]


def _feature_hasher() -> list[Any]:
    from pyspark.ml.feature import FeatureHasher

    columns = ["colour", "x", "f", "n", "k", "words", "y"]
    return [
        FeatureHasher(inputCols=columns, outputCol="features", numFeatures=64, categoricalCols=["k"]),
        FeatureHasher(inputCols=columns, outputCol="many", numFeatures=4096),
    ]


def _glm(family: str, label: str, **options: Any) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml.regression import GeneralizedLinearRegression

        model = GeneralizedLinearRegression(
            family=family, labelCol=label, linkPredictionCol="link", regParam=0.1, maxIter=5, **options
        )
        return [assembled(X[:3]), model]

    return build


def _isotonic(features: str, **options: Any) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml.regression import IsotonicRegression

        return [assembled(), IsotonicRegression(featuresCol=features, labelCol="target", **options)]

    return build


def _one_vs_rest(classifier: str, **options: Any) -> Callable[[], list[Any]]:
    def build() -> list[Any]:
        from pyspark.ml import classification

        binary = getattr(classification, classifier)(**options)
        return [assembled(), classification.OneVsRest(classifier=binary, labelCol="label3")]

    return build


CATALOGUE: dict[str, Callable[[], list[Any]]] = {
    "one_hot_error": _one_hot(drop_last=True, keep=False),
    "one_hot_error_all": _one_hot(drop_last=False, keep=False),
    "one_hot_keep": _one_hot(drop_last=True, keep=True),
    "one_hot_keep_all": _one_hot(drop_last=False, keep=True),
    "imputer_mean": _imputer("mean"),
    "imputer_median": _imputer("median"),
    "imputer_mode": _imputer("mode"),
    "imputer_missing_value": _imputer_missing_value,
    "assembler_keep": _assembler_keep,
    "scaler_mean": _scaler(withMean=True, withStd=False),
    "scaler_none": _scaler(withMean=False, withStd=False),
    "several_columns": _several_columns,
    "rf_categories": _rf_categories,
    "bucket_forest": _bucket_forest,
    "min_max_constant": _min_max_constant,
    "normalizer_l1": _normalizer,
    "labels_from_metadata": _labels_from_metadata,
    "vector_indexer_error": _vector_indexer_error,
    "nested": _nested,
    "text_counts": _text_counts,
    "text_hashes": _text_hashes,
    "text_vectors": _text_vectors,
    "vector_stages": _vector_stages,
    "selectors": _selectors,
    "interaction": _interaction,
    "feature_hasher": _feature_hasher,
    "glm_gaussian": _glm("gaussian", "target"),
    "glm_binomial": _glm("binomial", "label", link="probit"),
    "glm_poisson": _glm("poisson", "label3"),
    "glm_tweedie": _glm("tweedie", "label3", variancePower=1.6, linkPower=0.0),
    "isotonic": _isotonic("y"),
    "isotonic_vector": _isotonic("features", featureIndex=2, isotonic=False),
    "perceptron": _model("MultilayerPerceptronClassifier", layers=[6, 4, 3], labelCol="label3", seed=1, maxIter=5),
    "one_vs_rest": _one_vs_rest("LogisticRegression", regParam=0.1),
    "one_vs_rest_forest": _one_vs_rest("RandomForestClassifier", numTrees=2, maxDepth=3, seed=1),
    "kmeans_cosine": _model("KMeans", k=3, distanceMeasure="cosine", seed=1),
    "bisecting_cosine": _model("BisectingKMeans", k=3, distanceMeasure="cosine", seed=1),
    "bernoulli": _bernoulli,
    "svc": _model("LinearSVC", threshold=0.25, maxIter=5),
    "two_class_softmax": _model("LogisticRegression", family="multinomial", thresholds=[0.35, 0.65]),
    "logistic_threshold": _model("LogisticRegression", threshold=0.4),
    "multinomial_thresholds": _model("LogisticRegression", labelCol="label3", thresholds=[0.2, 0.5, 0.3]),
    "tree_thresholds": _model("DecisionTreeClassifier", labelCol="label3", thresholds=[0.2, 0.5, 0.3]),
    "forest_thresholds": _model("RandomForestClassifier", numTrees=3, seed=1, thresholds=[0.3, 0.7]),
    "boosted_thresholds": _model("GBTClassifier", maxIter=2, seed=1, thresholds=[0.3, 0.7]),
    "tree_regressor": _model("DecisionTreeRegressor", labelCol="target"),
    "prediction_only": _model("RandomForestClassifier", numTrees=2, seed=1, probabilityCol="", rawPredictionCol=""),
}


def random_stages(draw: random.Random) -> list[Any]:
    """Return random stages: categories, numbers, scalers of one vector and a model, with random options."""
    from pyspark.ml.feature import OneHotEncoder, StringIndexer

    texts = draw.sample(["colour", "country", "color", "grp"], draw.randint(1, 4))
    indexed = [f"{t}_i" for t in texts]
    out: list[Any] = [StringIndexer(inputCols=texts, outputCols=indexed, handleInvalid="keep")]
    hot = indexed[: draw.randint(0, len(indexed))]
    if hot:
        options = {"dropLast": draw.random() < 0.5, "handleInvalid": draw.choice(["keep", "error"])}
        out.append(OneHotEncoder(inputCols=hot, outputCols=[f"{h}_v" for h in hot], **options))
    numbers = draw.sample(_numbers(draw), 4)
    out += numbers
    columns = [f"{c}_v" if c in hot else c for c in indexed] + [n.getOutputCol() for n in numbers] + draw.sample(X, 2)
    draw.shuffle(columns)
    return [*out, assembled(columns, "v0"), *_chain(draw), _random_model(draw)]


def _numbers(draw: random.Random) -> list[Any]:
    from pyspark.ml.feature import Binarizer, Bucketizer, Imputer, QuantileDiscretizer

    cuts = [-math.inf, *sorted(draw.gauss(0, 1) for _ in range(draw.randint(1, 5))), math.inf]
    return [
        Imputer(inputCol="x", outputCol="x_n", strategy=draw.choice(["mean", "median", "mode"])),
        Imputer(inputCol="n", outputCol="n_n", strategy=draw.choice(["mean", "median", "mode"])),
        Imputer(inputCol="f", outputCol="f_n"),
        Bucketizer(splits=cuts, inputCol="w", outputCol="w_n", handleInvalid="keep"),
        QuantileDiscretizer(numBuckets=draw.randint(2, 6), inputCol="x1", outputCol="x1_n", handleInvalid="keep"),
        Binarizer(threshold=draw.gauss(0, 1), inputCol="x2", outputCol="x2_n"),
    ]


def _chain(draw: random.Random) -> list[Any]:
    """Return random stages from column v0 to column features."""
    from pyspark.ml.feature import PCA, MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler, VectorIndexer

    with_mean, with_std = draw.random() < 0.5, draw.random() < 0.5
    kinds: list[Any] = [
        VectorIndexer(maxCategories=draw.randint(2, 8), handleInvalid="keep"),
        StandardScaler(withMean=with_mean, withStd=with_std),
        MinMaxScaler(min=-1.0, max=draw.uniform(0, 5)),
        MaxAbsScaler(),
        Normalizer(p=draw.choice([1.0, 2.0, 3.5, math.inf])),
        PCA(k=3),
    ]
    picked = draw.sample(kinds, draw.randint(1, 3))
    names = [f"v{i}" for i in range(len(picked))] + ["features"]
    for stage, source, target in zip(picked, names, names[1:], strict=False):
        stage.setInputCol(source).setOutputCol(target)
    return picked


def _random_model(draw: random.Random) -> Any:
    from pyspark.ml import classification, clustering, regression

    seed = draw.randint(0, 1000)
    return draw.choice(
        [
            classification.LogisticRegression(labelCol=draw.choice(["label", "label3"]), maxIter=8),
            classification.LinearSVC(maxIter=5),
            classification.DecisionTreeClassifier(labelCol=draw.choice(["label", "label3"]), maxDepth=6),
            classification.RandomForestClassifier(numTrees=5, seed=seed),
            classification.GBTClassifier(maxIter=2, seed=seed),
            regression.LinearRegression(labelCol="target"),
            regression.RandomForestRegressor(labelCol="target", numTrees=3, seed=seed),
            clustering.KMeans(k=3, seed=seed, maxIter=5),
            clustering.BisectingKMeans(k=5, seed=seed, maxIter=5),
        ]
    )
