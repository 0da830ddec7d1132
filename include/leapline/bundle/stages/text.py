"""Writers of stages that turn text into tokens, and tokens into vectors."""

from typing import Any

from pyspark.ml.feature import (
    CountVectorizerModel,
    HashingTF,
    IDFModel,
    NGram,
    RegexTokenizer,
    StopWordsRemover,
    Tokenizer,
    Word2VecModel,
)

from leapline.bundle.model import Node, list_of, scalar, vector
from leapline.bundle.stage_writers import Columns, input_ports, node, output_ports, unsupported_option, writes

_SPECIAL_CASING = ("tr", "az", "lt")
"""Languages in which the JVM converts letters to lower case by other rules."""


@writes(Tokenizer)
def tokenizer(stage: Tokenizer, _: Columns) -> Node:
    """Write a tokenizer, which has no parameters."""
    return node("tokenizer", {}, stage.getInputCol(), stage.getOutputCol())


@writes(RegexTokenizer)
def regex_tokenizer(stage: RegexTokenizer, _: Columns) -> Node:
    """Write the regular expression and its options."""
    attributes = {
        "regex": scalar("string", stage.getPattern()),
        "match_gaps": scalar("boolean", stage.getGaps()),
        "token_min_length": scalar("int", stage.getMinTokenLength()),
        "lowercase_text": scalar("boolean", stage.getToLowercase()),
    }
    return node("regex_tokenizer", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(StopWordsRemover)
def stopwords_remover(stage: StopWordsRemover, _: Columns) -> Node:
    """Write the stop words of one or several columns."""
    locale = str(stage.getLocale())
    if not stage.getCaseSensitive() and locale.split("_")[0] in _SPECIAL_CASING:
        raise unsupported_option(
            stage,
            "locale",
            locale,
            "a language with the default rules for lower case",
            'Set caseSensitive, or another locale such as "en_US".',
        )
    attributes = {
        "stop_words": list_of("string", stage.getStopWords()),
        "case_sensitive": scalar("boolean", stage.getCaseSensitive()),
    }
    return node("stopwords_remover", attributes, input_ports(stage), output_ports(stage))


@writes(NGram)
def ngram(stage: NGram, _: Columns) -> Node:
    """Write the number of tokens per n-gram."""
    return node("ngram", {"n": scalar("long", stage.getN())}, stage.getInputCol(), stage.getOutputCol())


@writes(CountVectorizerModel)
def count_vectorizer(stage: CountVectorizerModel, _: Columns) -> Node:
    """Write the vocabulary."""
    attributes = {
        "vocabulary": list_of("string", stage.vocabulary),
        "binary": scalar("boolean", stage.getBinary()),
        "min_tf": scalar("double", stage.getMinTF()),
    }
    return node("count_vectorizer", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(HashingTF)
def hashing_term_frequency(stage: HashingTF, _: Columns) -> Node:
    """Write the number of features. Version 2 is the hash function of Spark 3 and later."""
    attributes = {
        "num_features": scalar("long", stage.getNumFeatures()),
        "binary": scalar("boolean", stage.getBinary()),
        "hashUnsafeBytesVersion": scalar("int", 2),
    }
    return node("hashing_term_frequency", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(IDFModel)
def idf(stage: IDFModel, _: Columns) -> Node:
    """Write the inverse document frequencies, and the counts that they are computed from."""
    attributes = {
        "idf": vector(stage.idf.toArray()),
        "docFreq": list_of("long", map(int, stage.docFreq)),
        "numDocs": scalar("long", int(stage.numDocs)),
    }
    return node("idf", attributes, stage.getInputCol(), stage.getOutputCol())


@writes(Word2VecModel)
def word_to_vector(stage: Word2VecModel, _: Columns) -> Node:
    """Write the words in alphabetical order, and their vectors one after the other."""
    vectors: dict[str, Any] = {row["word"]: row["vector"] for row in stage.getVectors().collect()}
    words = sorted(vectors)
    attributes = {
        "words": list_of("string", words),
        "indices": list_of("long", range(len(words))),
        "word_vectors": list_of("double", [float(x) for word in words for x in vectors[word].toArray()]),
        "kernel": scalar("string", "default"),
    }
    return node("word_to_vector", attributes, stage.getInputCol(), stage.getOutputCol())
