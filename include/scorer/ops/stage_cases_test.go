package ops_test

import (
	"math"

	bt "leapline/scorer/internal/bundletest"
)

type texts = []string

func init() { unitCases = append(unitCases, stageCases...) }

// stageCases are the cases of ops on tokens and of other feature transformers.
var stageCases = []unitCase{
	{"tokenizer", scalar("tokenizer", nil),
		scalarRows("A b  Ç", texts{"a", "b", "", "ç"}, "", texts{""}, " ", texts{}, "x ", texts{"x"}, nil, "error: is null", 5.0, texts{"5.0"})},
	{"regex_tokenizer at gaps", scalar("regex_tokenizer", regex(`[\s,]+`, true, 1, true)), scalarRows("a, B c", texts{"a", "b", "c"}, "", texts{})},
	{"regex_tokenizer of a class", scalar("regex_tokenizer", regex(`[^\w\p{Punct}]+`, true, 0, true)), scalarRows("A-b c ", texts{"a-b", "c"})},
	{"regex_tokenizer of matches", scalar("regex_tokenizer", regex(`\d+`, false, 2, false)), scalarRows("1 22 333", texts{"22", "333"}, "x", texts{})},
	{"stopwords_remover", scalar("stopwords_remover", attrs{"stop_words": texts{"The", "i"}, "case_sensitive": false}),
		scalarRows(texts{"the", "CAT", "I", "THE"}, texts{"CAT"}, texts{}, texts{}, nil, "error: is null")},
	{"stopwords_remover of several columns", []bt.Stage{stage("stopwords_remover", ports{"input0", "a", "input1", "b"}, ports{"output0", "c", "output1", "d"},
		attrs{"stop_words": texts{"x"}, "case_sensitive": true})},
		[]unitRow{{cells{"a": texts{"x", "X"}, "b": texts{"y"}}, cells{"c": texts{"X"}, "d": texts{"y"}}}}},
	{"ngram", scalar("ngram", attrs{"n": bt.Long(2)}), scalarRows(texts{"a", "b", "c"}, texts{"a b", "b c"}, texts{"a"}, texts{})},
	{"count_vectorizer", scalar("count_vectorizer", attrs{"vocabulary": texts{"b", "a"}, "binary": false, "min_tf": 0.5}),
		scalarRows(texts{"a", "b", "a"}, vec{0, 2}, texts{"x", "b"}, vec{1, 0}, texts{}, vec{0, 0}, "a", "error: is a string, expected a list(string)")},
	{"hashing_term_frequency", scalar("hashing_term_frequency", attrs{"num_features": bt.Long(8), "binary": false, "hashUnsafeBytesVersion": bt.Int(2)}),
		scalarRows(texts{"a", "a"}, vec{0, 0, 0, 2, 0, 0, 0, 0})},
	{"hashing_term_frequency of Spark 2", scalar("hashing_term_frequency", attrs{"num_features": bt.Long(8), "binary": true}),
		scalarRows(texts{"abcd", "abcd"}, vec{0, 0, 0, 0, 1, 0, 0, 0})},
	{"tokens to a model", []bt.Stage{
		stage("tokenizer", ports{"input", "x"}, ports{"output", "t"}, nil),
		stage("hashing_term_frequency", ports{"input", "t"}, ports{"output", "v"}, attrs{"num_features": bt.Long(1 << 13), "binary": false, "hashUnsafeBytesVersion": bt.Int(2)}),
		stage("idf", ports{"input", "v"}, ports{"output", "w"}, attrs{"idf": tensor(slicesOf(0.5, 1<<13)...)}),
		stage("linear_regression", ports{"features", "w"}, ports{"prediction", "y"}, attrs{"coefficients": tensor(slicesOf(2, 1<<13)...), "intercept": 1.0}),
	}, []unitRow{{cells{"x": "to be or not to be"}, cells{"y": 7.0, "t": texts{"to", "be", "or", "not", "to", "be"}}}}},
	{"word_to_vector", scalar("word_to_vector", attrs{"words": texts{"a", "b"}, "indices": []int64{1, 0}, "word_vectors": vec{1, 2, 3, 4}}),
		scalarRows(texts{"a"}, vec{3, 4}, texts{"a", "b", "x", "x"}, vec{1, 1.5}, texts{}, vec{0, 0})},
	{"word_to_vector with the kernel sqrt", scalar("word_to_vector", attrs{"words": texts{"a"}, "word_vectors": vec{3, 4}, "kernel": "sqrt"}),
		scalarRows(texts{"a", "a"}, vec{0.6, 0.8})},
	{"idf", scalar("idf", attrs{"idf": tensor(2, 0.5), "docFreq": []int64{1, 2}, "numDocs": bt.Long(3)}), scalarRows(vec{1, 4}, vec{2, 2})},
	{"elementwise_product", scalar("elementwise_product", attrs{"scaling_vec": tensor(2, -1)}), scalarRows(vec{1, 4}, vec{2, -4})},
	{"vector_slicer", scalar("vector_slicer", slicer(3, bt.Ints{1}, 2, 0)), scalarRows(vec{1, 2, 3}, vec{3, 1, 2})},
	{"chi_sq_selector", scalar("chi_sq_selector", attrs{"filter_indices": []int64{0, 2}, "input_size": bt.Int(3)}), scalarRows(vec{1, 2, 3}, vec{1, 3})},
	{"chi_sq_selector of a wide vector", []bt.Stage{
		stage("one_hot_encoder", ports{"input", "x"}, ports{"output", "v"}, attrs{"category_sizes": bt.Ints{500}, "drop_last": false, "handle_invalid": "error"}),
		stage("chi_sq_selector", ports{"input", "v"}, ports{"output", "w"}, attrs{"filter_indices": upTo(200), "input_size": bt.Int(500)}),
		stage("linear_regression", ports{"features", "w"}, ports{"prediction", "y"}, attrs{"coefficients": tensor(slicesOf(2, 200)...), "intercept": 1.0}),
	}, scalarRows(199.0, 3.0, 200.0, 1.0)},
	{"polynomial_expansion", scalar("polynomial_expansion", attrs{"degree": bt.Long(2), "input_size": bt.Long(2)}), scalarRows(vec{2, 3}, vec{2, 4, 3, 6, 9})},
	{"dct", scalar("dct", attrs{"inverse": false, "input_size": bt.Int(2)}), scalarRows(vec{1, 3}, vec{4 / math.Sqrt2, -2 / math.Sqrt2})},
	{"interaction", []bt.Stage{stage("interaction", ports{"input0", "a", "input1", "v"}, ports{"output", "y"},
		attrs{"num_inputs": bt.Int(2), "input_shapes": []bt.Shape{{}, {Width: 2}}, "num_features0": bt.Ints{2}, "num_features1": bt.Ints{1, 2}})},
		[]unitRow{
			{cells{"a": 1.0, "v": vec{5, 0}}, cells{"y": vec{0, 0, 0, 5, 1, 0}}},
			{cells{"a": 0.0, "v": vec{5, 1}}, cells{"y": vec{5, 0, 1, 0, 0, 0}}},
			{cells{"a": 2.0, "v": vec{5, 1}}, cells{"y": `error: column "a" has category 2`}},
			{cells{"a": 0.0, "v": vec{5, 0.5}}, cells{"y": `error: column "v" has category 0.5`}},
		}},
	{"feature_hasher", []bt.Stage{stage("feature_hasher", ports{"input0", "n", "input1", "s", "input2", "b"}, ports{"output", "y"}, hasher(100))},
		[]unitRow{{cells{"n": nil, "s": nil, "b": nil}, cells{"y": make(vec, 100)}}}},
	{"multi_layer_perceptron_classifier", model("multi_layer_perceptron_classifier", classPorts, attrs{"layers": []int64{1, 1, 2}, "weights": tensor(1, 0, 2, -2, 0, 1)}),
		[]unitRow{{cells{"x": vec{0}}, cells{"raw": vec{1, 0}, "p": vec{sigmoid(1), 1 - sigmoid(1)}, "y": 0.0}}}},
	{"one_vs_rest", []bt.Stage{{
		Name: "r", Op: "one_vs_rest", In: ports{"features", "x"}, Out: ports{"raw_prediction", "raw", "prediction", "y"},
		Attrs:  attrs{"num_classes": bt.Long(2), "num_features": bt.Long(1)},
		Models: []bt.Stage{{Op: "logistic_regression", Attrs: binary(1)}, {Op: "logistic_regression", Attrs: binary(-2)}},
	}}, []unitRow{{cells{"x": vec{3}}, cells{"raw": vec{3, -6}, "y": 0.0}}, {cells{"x": vec{-3}}, cells{"raw": vec{-3, 6}, "y": 1.0}}}},
	{"isotonic_regression", model("isotonic_regression", ports{"prediction", "y"}, attrs{"boundaries": vec{0, 1}, "predictions": vec{2, 4}, "isotonic": true}),
		scalarRows(-1.0, 2.0, 0.5, 3.0, 1.0, 4.0, 7.0, 4.0, nan, 4.0)},
	{"isotonic_regression of a vector", []bt.Stage{
		stage("vector_assembler", ports{"input0", "x", "input1", "z"}, ports{"output", "v"}, attrs{"input_shapes": []bt.Shape{{}, {}}}),
		stage("isotonic_regression", ports{"features", "v"}, ports{"prediction", "y"}, attrs{"boundaries": vec{0, 1}, "predictions": vec{2, 4}, "isotonic": true, "feature_index": bt.Long(1)}),
	}, []unitRow{{cells{"x": 9.0, "z": 0.25}, cells{"y": 2.5}}}},
	{"generalized_linear_regression", model("generalized_linear_regression", ports{"prediction", "y", "link_prediction", "eta"},
		attrs{"coefficients": tensor(1, -1), "intercept": 0.5, "family": "poisson"}),
		[]unitRow{{cells{"x": vec{1, 1}}, cells{"eta": 0.5, "y": math.Exp(0.5)}}}},
}

func regex(expression string, gaps bool, length int, lower bool) attrs {
	return attrs{"regex": expression, "match_gaps": gaps, "token_min_length": bt.Int(length), "lowercase_text": lower}
}

func slicer(size int, named bt.Ints, indices ...int64) attrs {
	if named == nil {
		named = bt.Ints{}
	}
	return attrs{"indices": indices, "names": make(texts, len(named)), "named_indices": named, "input_size": bt.Int(size)}
}

func binary(coefficient float64) attrs {
	return attrs{"num_classes": bt.Long(2), "coefficients": tensor(coefficient), "intercept": 0.0}
}

func hasher(width int) attrs {
	return attrs{
		"num_features": bt.Long(width), "categorical_cols": texts{}, "input_shapes": make([]bt.Shape, 3),
		"basic_types": bt.BasicTypes{"double", "string", "boolean"}, "input_names": texts{"n", "s", "b"},
	}
}

func upTo(n int64) (list []int64) {
	for i := range n {
		list = append(list, i)
	}
	return list
}
