package ops_test

import (
	"math"

	bt "leapline/scorer/internal/bundletest"
)

// unitCase is a small pipeline with rows. An expected string that starts with "error: " is part of an error message.
type unitCase struct {
	name   string
	stages []bt.Stage
	rows   []unitRow
}

type unitRow struct{ in, want map[string]any }

type (
	ports = bt.Ports
	attrs = bt.Attrs
	cells = map[string]any
	vec   = []float64
)

var nan, inf = math.NaN(), math.Inf(1)

func stage(op string, in, out ports, a attrs) bt.Stage {
	return bt.Stage{Name: op, Op: op, In: in, Out: out, Attrs: a}
}

// scalar returns a stage with one input and one output column.
func scalar(op string, a attrs) []bt.Stage {
	return []bt.Stage{stage(op, ports{"input", "x"}, ports{"output", "y"}, a)}
}

func scalarRows(pairs ...any) (rows []unitRow) {
	for i := 0; i < len(pairs); i += 2 {
		rows = append(rows, unitRow{cells{"x": pairs[i]}, cells{"y": pairs[i+1]}})
	}
	return rows
}

func tensor(values ...float64) bt.Tensor { return bt.Tensor{Dims: []int{len(values)}, Values: values} }

func matrix(rows int, values ...float64) bt.Tensor {
	return bt.Tensor{Dims: []int{rows, len(values) / rows}, Values: values}
}

var classPorts = ports{"raw_prediction", "raw", "probability", "p", "prediction", "y"}

func model(op string, out ports, a attrs) []bt.Stage {
	return []bt.Stage{stage(op, ports{"features", "x"}, out, a)}
}

func leaf(x ...float64) *bt.Node { return &bt.Node{Leaf: x} }

// stump splits feature 0 at 0.
func stump(left, right *bt.Node) *bt.Node { return &bt.Node{Left: left, Right: right} }

func ensembleOf(op, treeOp string, out ports, a attrs, roots ...*bt.Node) []bt.Stage {
	s := model(op, out, a)
	for _, root := range roots {
		t := bt.Tree{Op: treeOp, Root: root, Attrs: attrs{"num_features": bt.Long(2)}}
		if treeOp == "decision_tree_classifier" {
			t.Attrs["num_classes"] = bt.Long(2)
		}
		s[0].Trees = append(s[0].Trees, t)
	}
	return s
}

func single(op string, out ports, a attrs, root *bt.Node) []bt.Stage {
	s := model(op, out, a)
	s[0].Tree = root
	return s
}

var twoClasses = attrs{"num_features": bt.Long(2), "num_classes": bt.Long(2), "tree_weights": vec{9}}

func with(a attrs, more attrs) attrs {
	out := attrs{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

var unitCases = []unitCase{
	{"string_indexer keep", scalar("string_indexer", attrs{"labels_length": bt.Int(1), "labels_array_0": []string{"b", "a", "5.0", "7", "true", "Ünï"}, "handle_invalid": "keep"}),
		scalarRows("b", 0.0, "a", 1.0, "new", 6.0, nil, 6.0, 5.0, 2.0, int64(7), 3.0, true, 4.0, "Ünï", 5.0, "", 6.0)},
	{"string_indexer error", scalar("string_indexer", attrs{"labels": []string{"b"}}),
		scalarRows("b", 0.0, "new", `error: column "x" has label "new"`, nil, `error: column "x" is null`)},
	{"string_indexer skip", scalar("string_indexer", attrs{"labels": []string{"b"}, "handle_invalid": "skip"}),
		scalarRows("new", `error: column "x" has label "new"`)},
	{"string_indexer several", []bt.Stage{stage("string_indexer", ports{"input1", "b", "input0", "a"}, ports{"output0", "ai", "output1", "bi"},
		attrs{"labels_length": bt.Int(2), "labels_array_0": []string{"x"}, "labels_array_1": []string{"y", "x"}, "handle_invalid": "keep"})},
		[]unitRow{{cells{"a": "x", "b": "x"}, cells{"ai": 0.0, "bi": 1.0}}}},
	{"string_indexer of a decimal column", scalar("string_indexer", attrs{"labels": []string{"0.10", "1.50", "-10.25", "2.00"}, "handle_invalid": "keep"}),
		scalarRows(0.1, 0.0, 1.5, 1.0, "1.50", 1.0, "1.5", 1.0, -10.25, 2.0, int64(2), 3.0, 2.0, 3.0, 1.505, 4.0, "x", 4.0, nil, 4.0, nan, 4.0)},
	{"string_indexer of a double column", scalar("string_indexer", attrs{"labels": []string{"0.1", "1.5", "2.0"}, "handle_invalid": "keep"}),
		scalarRows(0.1, 0.0, 2.0, 2.0, int64(2), 3.0, "2.00", 3.0)},
	{"names that differ in case", []bt.Stage{
		stage("vector_assembler", ports{"input0", "A", "input1", "a"}, ports{"output", "Features"}, attrs{"input_shapes": []bt.Shape{{}, {}}}),
		stage("linear_regression", ports{"features", "features"}, ports{"prediction", "y"}, attrs{"coefficients": tensor(1, 2), "intercept": 0.0}),
	}, []unitRow{{cells{"A": 3.0}, cells{"y": 9.0}}}},
	{"one_hot_encoder keep and drop_last", scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{3}, "drop_last": true, "handle_invalid": "keep"}),
		scalarRows(0.0, vec{1, 0, 0}, 2.0, vec{0, 0, 1}, 3.0, vec{0, 0, 0}, -1.0, vec{0, 0, 0}, nan, vec{0, 0, 0}, 1.5, vec{0, 1, 0})},
	{"one_hot_encoder keep", scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{3}, "drop_last": false, "handle_invalid": "keep"}),
		scalarRows(2.0, vec{0, 0, 1, 0}, 9.0, vec{0, 0, 0, 1})},
	{"one_hot_encoder drop_last", scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{3}, "drop_last": true, "handle_invalid": "error"}),
		scalarRows(1.0, vec{0, 1}, 2.0, vec{0, 0}, 3.0, `error: column "x" has category 3`, -1.0, "error: category -1", nil, "error: is null")},
	{"one_hot_encoder plain", scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{2}, "drop_last": false, "handle_invalid": "error"}),
		scalarRows(1.0, vec{0, 1})},
	{"one_hot_encoder of one category", scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{1}, "drop_last": true, "handle_invalid": "error"}),
		scalarRows(0.0, vec{})},
	{"one_hot_encoder old", scalar("one_hot_encoder", attrs{"size": bt.Long(3)}), scalarRows(1.0, vec{0, 1, 0}, 3.0, vec{0, 0, 0})},
	{"one_hot_encoder old without drop_last", scalar("one_hot_encoder", attrs{"size": bt.Long(3), "drop_last": false}),
		scalarRows(1.0, vec{0, 1, 0}, 3.0, "error: category 3")},
	{"one_hot_encoder old with handle_invalid", scalar("one_hot_encoder", attrs{"size": bt.Long(3), "drop_last": true, "handle_invalid": "error"}),
		scalarRows(1.0, vec{0, 1}, 3.0, "error: category 3")},
	{"imputer", scalar("imputer", attrs{"surrogate_value": 7.0, "strategy": "mean"}),
		scalarRows(1.0, 1.0, nil, 7.0, nan, 7.0, "2.5", 2.5, true, 1.0, "x", "error: found the string \"x\"")},
	{"imputer of NaN for null", scalar("imputer", attrs{"surrogate_value": nan, "strategy": "mean"}), scalarRows(1.0, 1.0, nil, nan, nan, nan)},
	{"imputer of -1", scalar("imputer", attrs{"surrogate_value": 7.0, "strategy": "median", "missing_value": -1.0}),
		scalarRows(-1.0, 7.0, nil, 7.0, nan, nan, 3.0, 3.0)},
	{"vector_assembler", []bt.Stage{stage("vector_assembler", ports{"input0", "a", "input1", "v", "input2", "b"}, ports{"output", "y"},
		attrs{"input_shapes": []bt.Shape{{}, {Width: 2}, {Nullable: true}}})},
		[]unitRow{
			{cells{"a": 1.0, "v": vec{2, 3}, "b": 4.0}, cells{"y": vec{1, 2, 3, 4}}},
			{cells{"a": nan, "v": vec{0, nan}, "b": int64(4)}, cells{"y": vec{nan, 0, nan, 4}}},
			{cells{"a": 1.0, "v": vec{2, 3}, "b": nil}, cells{"y": `error: column "b" is null`}},
			{cells{"a": 1.0, "v": vec{2, 3}}, cells{"y": `error: column "b" is missing`}},
		}},
	{"standard_scaler", scalar("standard_scaler", attrs{"mean": tensor(1, 2), "std": tensor(2, 0)}), scalarRows(vec{5, 9}, vec{2, 0})},
	{"standard_scaler without mean", scalar("standard_scaler", attrs{"std": tensor(2, 0)}), scalarRows(vec{5, 9}, vec{2.5, 0})},
	{"standard_scaler without std", scalar("standard_scaler", attrs{"mean": tensor(1, 2)}), scalarRows(vec{5, 9}, vec{4, 7})},
	{"min_max_scaler", scalar("min_max_scaler", attrs{"min": tensor(0, 3), "max": tensor(4, 3)}), scalarRows(vec{1, 8}, vec{0.25, 0.5}, vec{nan, nan}, vec{nan, nan}, vec{8, 3}, vec{2, 0.5})},
	{"min_max_scaler range", scalar("min_max_scaler", attrs{"min": tensor(0), "max": tensor(4), "minValue": -1.0, "maxValue": 1.0}), scalarRows(vec{1}, vec{-0.5})},
	{"max_abs_scaler", scalar("max_abs_scaler", attrs{"maxAbs": tensor(4, 0)}), scalarRows(vec{-8, 3}, vec{-2, 3})},
	{"normalizer 1", scalar("normalizer", attrs{"p_norm": 1.0, "input_size": bt.Int(2)}), scalarRows(vec{-1, 3}, vec{-0.25, 0.75}, vec{0, 0}, vec{0, 0})},
	{"normalizer 2", scalar("normalizer", attrs{"p_norm": 2.0, "input_size": bt.Int(2)}), scalarRows(vec{3, 4}, vec{0.6, 0.8})},
	{"normalizer 3", scalar("normalizer", attrs{"p_norm": 3.0, "input_size": bt.Int(2)}), scalarRows(vec{1, 1}, vec{1 / math.Cbrt(2), 1 / math.Cbrt(2)})},
	{"normalizer max", scalar("normalizer", attrs{"p_norm": inf, "input_size": bt.Int(2)}), scalarRows(vec{-2, 4}, vec{-0.5, 1})},
	{"pca", scalar("pca", attrs{"principal_components": matrix(3, 1, 2, 3, 0, 1, 0)}), scalarRows(vec{1, 1, 2}, vec{9, 1})},
	{"bucketizer", scalar("bucketizer", attrs{"splits": vec{-1, 0, 2}}),
		scalarRows(-1.0, 0.0, -0.5, 0.0, 0.0, 1.0, math.Copysign(0, -1), 0.0, 2.0, 1.0, 2.1, `error: column "x" is 2.1`, -1.5, "error: is -1.5", nan, "error: is NaN")},
	{"bucketizer keep", scalar("bucketizer", attrs{"splits": vec{-inf, 0, inf}, "handle_invalid": "keep"}),
		scalarRows(nan, 2.0, inf, 1.0, -inf, 0.0, 1e300, 1.0, nil, "error: is null")},
	{"binarizer", scalar("binarizer", attrs{"threshold": 0.5, "input_shapes": bt.Shape{}}), scalarRows(0.5, 0.0, 0.6, 1.0, nan, 0.0)},
	{"binarizer of vectors", scalar("binarizer", attrs{"input_shapes": bt.Shape{Width: 2}}), scalarRows(vec{0, 0.1}, vec{0, 1})},
	{"vector_indexer keep", scalar("vector_indexer", attrs{"num_features": bt.Long(2), "keys": []int64{1}, "key_1_keys": vec{-1, 0, 4}, "key_1_values": []int64{1, 0, 2}, "handle_invalid": "keep"}),
		scalarRows(vec{9, 4}, vec{9, 2}, vec{9, -1}, vec{9, 1}, vec{9, math.Copysign(0, -1)}, vec{9, 0}, vec{9, 7}, vec{9, 3}, vec{9, nan}, vec{9, 3})},
	{"vector_indexer error", scalar("vector_indexer", attrs{"num_features": bt.Long(1), "keys": []int64{0}, "key_0_keys": vec{1}, "key_0_values": []int64{0}}),
		scalarRows(vec{1}, vec{0}, vec{2}, "error: feature 0 is 2")},
	{"reverse_string_indexer", scalar("reverse_string_indexer", attrs{"labels": []string{"a", "b"}, "input_shape": bt.Shape{}}),
		scalarRows(1.0, "b", 1.9, "b", 2.0, "error: has index 2", -1.0, "error: has index -1")},

	{"decision_tree_classifier", single("decision_tree_classifier", classPorts, twoClasses, stump(leaf(3, 1), leaf(1, 4))),
		[]unitRow{
			{cells{"x": vec{0, 9}}, cells{"raw": vec{3, 1}, "p": vec{0.75, 0.25}, "y": 0.0}},
			{cells{"x": vec{nan, 9}}, cells{"raw": vec{1, 4}, "p": vec{0.2, 0.8}, "y": 1.0}},
		}},
	{"decision_tree_classifier with thresholds", single("decision_tree_classifier", classPorts, with(twoClasses, attrs{"thresholds": vec{0.9, 0.1}}), stump(leaf(3, 1), leaf(1, 0))),
		[]unitRow{{cells{"x": vec{0, 0}}, cells{"y": 1.0}}, {cells{"x": vec{1, 0}}, cells{"y": 0.0}}}},
	{"a threshold of 0", single("decision_tree_classifier", classPorts, with(twoClasses, attrs{"thresholds": vec{0, 0.5}}), stump(leaf(1, 9), leaf(0, 5))),
		[]unitRow{{cells{"x": vec{0, 0}}, cells{"y": 0.0}}, {cells{"x": vec{1, 0}}, cells{"y": 1.0}}}},
	{"random_forest_classifier", ensembleOf("random_forest_classifier", "decision_tree_classifier", classPorts, twoClasses,
		stump(leaf(3, 1), leaf(0, 0)), leaf(1, 1), stump(leaf(0, 2), leaf(1, 3))),
		[]unitRow{
			{cells{"x": vec{-1, 0}}, cells{"raw": vec{1.25, 1.75}, "p": vec{1.25 / 3, 1.75 / 3}, "y": 1.0}},
			{cells{"x": vec{1, 0}}, cells{"raw": vec{0.75, 1.25}, "p": vec{0.375, 0.625}, "y": 1.0}}, // the leaf of zeros is ignored
		}},
	{"categories", single("decision_tree_regression", ports{"prediction", "y"}, attrs{"num_features": bt.Long(2)},
		&bt.Node{Feature: 1, Of: 4, Categories: vec{1, 3}, IsLeft: true, Left: leaf(1), Right: &bt.Node{Feature: 1, Of: 4, Categories: vec{0}, Left: leaf(2), Right: leaf(3)}}),
		[]unitRow{
			{cells{"x": vec{0, 1}}, cells{"y": 1.0}}, {cells{"x": vec{0, 3}}, cells{"y": 1.0}}, {cells{"x": vec{0, 0}}, cells{"y": 3.0}},
			{cells{"x": vec{0, 2}}, cells{"y": 2.0}}, {cells{"x": vec{0, 4}}, cells{"y": 2.0}}, {cells{"x": vec{0, nan}}, cells{"y": 2.0}},
		}},
	{"random_forest_regression", ensembleOf("random_forest_regression", "decision_tree_regression", ports{"prediction", "y", "probability", "none"}, twoClasses,
		stump(leaf(1), leaf(2)), leaf(4)),
		[]unitRow{{cells{"x": vec{-1, 0}}, cells{"y": 2.5}}, {cells{"x": vec{1, 0}}, cells{"y": 3.0}}}},
	{"gbt_regression", ensembleOf("gbt_regression", "decision_tree_regression", ports{"prediction", "y"}, with(twoClasses, attrs{"tree_weights": vec{1, 0.5}}),
		stump(leaf(1), leaf(2)), leaf(4)),
		[]unitRow{{cells{"x": vec{-1, 0}}, cells{"y": 3.0}}}},
	{"gbt_classifier", ensembleOf("gbt_classifier", "decision_tree_regression", classPorts, with(twoClasses, attrs{"tree_weights": vec{1, 0.5}, "lossType": "logistic"}),
		stump(leaf(-2), leaf(-1)), leaf(2)),
		[]unitRow{
			{cells{"x": vec{-1, 0}}, cells{"raw": vec{1, -1}, "p": vec{sigmoid(2), 1 - sigmoid(2)}, "y": 0.0}},
			{cells{"x": vec{1, 0}}, cells{"raw": vec{0, 0}, "p": vec{0.5, 0.5}, "y": 0.0}},
		}},
	{"gbt_classifier with thresholds", ensembleOf("gbt_classifier", "decision_tree_regression", classPorts, with(twoClasses, attrs{"tree_weights": vec{1}, "thresholds": vec{0.9, 0.2}}),
		leaf(-0.5)),
		[]unitRow{{cells{"x": vec{0, 0}}, cells{"y": 1.0}}}},
	{"logistic_regression", model("logistic_regression", classPorts, attrs{"num_classes": bt.Long(2), "coefficients": tensor(1, -2), "intercept": 0.5, "threshold": 0.6}),
		[]unitRow{
			{cells{"x": vec{1, 1}}, cells{"raw": vec{0.5, -0.5}, "p": vec{sigmoid(0.5), 1 - sigmoid(0.5)}, "y": 0.0}},
			{cells{"x": vec{-0.1, 0}}, cells{"y": 0.0}}, {cells{"x": vec{0, 0}}, cells{"y": 1.0}},
		}},
	{"logistic_regression of more classes", model("logistic_regression", classPorts, attrs{
		"num_classes": bt.Long(3), "coefficient_matrix": matrix(3, 1, 0, 0, 0, 1, -1), "intercept_vector": tensor(0, 0, 1)}),
		[]unitRow{{cells{"x": vec{2, 1}}, cells{"raw": vec{2, 1, 0}, "y": 0.0, "p": vec{
			1 / (1 + math.Exp(-1) + math.Exp(-2)), math.Exp(-1) / (1 + math.Exp(-1) + math.Exp(-2)), math.Exp(-2) / (1 + math.Exp(-1) + math.Exp(-2))}}},
			{cells{"x": vec{inf, 1}}, cells{"p": vec{1, 0, 0}}}}},
	{"mleap.sklearn's matrix", []bt.Stage{{Name: "logistic_regression_c850e7ae-e77a-11f1-8016-02fc00000001", Op: "logistic_regression",
		In: ports{"features", "x"}, Out: ports{"raw_prediction", "raw", "prediction", "y"},
		Attrs: attrs{"num_classes": bt.Long(3), "coefficient_matrix": matrix(3, 1, 0, 0, 1, 0, -1), "intercept_vector": tensor(0, 0, 1)}}},
		[]unitRow{{cells{"x": vec{2, 1}}, cells{"raw": vec{2, 1, 0}}}}},
	{"linear_svc", model("linear_svc", ports{"raw_prediction", "raw", "prediction", "y"}, attrs{"num_classes": bt.Long(2), "coefficients": tensor(1, 1), "intercept": -1.0, "threshold": 0.5}),
		[]unitRow{{cells{"x": vec{1, 0.5}}, cells{"raw": vec{-0.5, 0.5}, "y": 0.0}}, {cells{"x": vec{1, 0.75}}, cells{"y": 1.0}}}},
	{"linear_regression", model("linear_regression", ports{"prediction", "y"}, attrs{"coefficients": tensor(1, 2), "intercept": 0.5}),
		[]unitRow{{cells{"x": vec{3, 4}}, cells{"y": 11.5}}}},
	{"naive_bayes bernoulli", model("naive_bayes", classPorts, bayes("bernoulli", math.Log(0.25), math.Log(0.5), math.Log(0.5), math.Log(0.75))),
		[]unitRow{
			{cells{"x": vec{1, 0}}, cells{"raw": vec{math.Log(0.5 * 0.25 * 0.5), math.Log(0.5 * 0.5 * 0.25)}}},
			{cells{"x": vec{2, 0}}, cells{"raw": "error: feature 0 is 2"}},
		}},
	{"naive_bayes gaussian", model("naive_bayes", classPorts, with(bayes("gaussian", 0, 1, 0, 1), attrs{"sigma": matrix(2, 1, 1, 1, 4)})),
		[]unitRow{{cells{"x": vec{0, 3}}, cells{"raw": vec{math.Log(0.5) - 4.5, math.Log(0.5) - (1+1+math.Log(4))/2}, "y": 1.0}}}},
	{"naive_bayes complement", model("naive_bayes", classPorts, bayes("complement", 1, 2, 0, 0)),
		[]unitRow{
			{cells{"x": vec{1, 5}}, cells{"raw": vec{1 - math.Log(math.E+math.E*math.E), 2 - math.Log(math.E+math.E*math.E)}, "y": 1.0}},
			{cells{"x": vec{1, -5}}, cells{"raw": "error: feature 1 is -5, expected 0 or more"}},
		}},
	{"naive_bayes multinomial", model("naive_bayes", classPorts, bayes("multinomial", 1, 2, 0, 0)),
		[]unitRow{
			{cells{"x": vec{1, 5}}, cells{"raw": vec{1 + math.Log(0.5), 2 + math.Log(0.5)}, "y": 1.0}},
			{cells{"x": vec{-0.5, 5}}, cells{"raw": "error: feature 0 is -0.5, expected 0 or more"}},
			{cells{"x": vec{nan, 5}}, cells{"raw": "error: feature 0 is NaN"}},
		}},
	{"k_means", model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{tensor(0), tensor(2), tensor(4)}}),
		[]unitRow{{cells{"x": vec{1}}, cells{"y": 0.0}}, {cells{"x": vec{3.1}}, cells{"y": 2.0}}, {cells{"x": vec{nan}}, cells{"y": 0.0}}}},
	{"k_means with cosine distance", model("k_means", ports{"prediction", "y"}, attrs{
		"num_features": bt.Long(2), "cluster_centers": []bt.Tensor{tensor(1, 0), tensor(0, 9)}, "distance_measure": "cosine"}),
		[]unitRow{
			{cells{"x": vec{3, 2}}, cells{"y": 0.0}}, {cells{"x": vec{0.2, 0.3}}, cells{"y": 1.0}},
			{cells{"x": vec{0, 0}}, cells{"y": "error: cosine distance is not defined"}},
		}},
	{"bisecting_k_means with cosine distance", []bt.Stage{{Name: "b", Op: "bisecting_k_means", In: ports{"features", "x"}, Out: ports{"prediction", "y"},
		Attrs:   attrs{"distance_measure": "cosine"},
		Cluster: []bt.ClusterRecord{{Index: -1, Children: 2, Centre: vec{1, 1}}, {Index: 0, Centre: vec{5, 0}}, {Index: 1, Centre: vec{0, 1}}}}},
		[]unitRow{
			{cells{"x": vec{3, 2}}, cells{"y": 0.0}}, {cells{"x": vec{0.2, 0.3}}, cells{"y": 1.0}},
			{cells{"x": vec{0, 0}}, cells{"y": "error: cosine distance is not defined"}},
		}},
	{"bisecting_k_means", []bt.Stage{{Name: "b", Op: "bisecting_k_means", In: ports{"features", "x"}, Out: ports{"prediction", "y"}, Cluster: []bt.ClusterRecord{
		{Index: -1, Children: 2, Centre: vec{0}}, {Index: 0, Centre: vec{-2}}, {Index: -3, Children: 2, Centre: vec{2}}, {Index: 1, Centre: vec{1}}, {Index: 2, Centre: vec{3}}}}},
		[]unitRow{{cells{"x": vec{-5}}, cells{"y": 0.0}}, {cells{"x": vec{0.5}}, cells{"y": 1.0}}, {cells{"x": vec{9}}, cells{"y": 2.0}}}},
	{"gaussian_mixture", model("gaussian_mixture", ports{"prediction", "y", "probability", "p"}, attrs{
		"weights": vec{0.5, 0.5}, "means": []bt.Tensor{tensor(0, 0), tensor(2, 0)},
		"covs": []bt.Tensor{matrix(2, 1, 0, 0, 1), matrix(2, 1, 0, 0, 1)}}),
		[]unitRow{{cells{"x": vec{0, 7}}, cells{"y": 0.0}}, {cells{"x": vec{1, 0}}, cells{"p": vec{0.5, 0.5}}}, {cells{"x": vec{0, 0}}, cells{"p": vec{sigmoid(2), 1 - sigmoid(2)}}}}},
	{"gaussian_mixture of a singular covariance", model("gaussian_mixture", ports{"prediction", "y", "probability", "p"}, attrs{
		"weights": vec{0.5, 0.5}, "means": []bt.Tensor{tensor(0, 0), tensor(2, 2)},
		"covs": []bt.Tensor{matrix(2, 1, 1, 1, 1), matrix(2, 1, 1, 1, 1)}}),
		[]unitRow{{cells{"x": vec{1, 1}}, cells{"p": vec{0.5, 0.5}}}, {cells{"x": vec{0, 0}}, cells{"y": 0.0}}, {cells{"x": vec{2, 2}}, cells{"y": 1.0}}}},
}

// bayes returns the attributes of a model with two classes and two features.
func bayes(kind string, theta ...float64) attrs {
	return attrs{
		"num_features": bt.Long(2), "num_classes": bt.Long(2), "model_type": kind,
		"pi": tensor(math.Log(0.5), math.Log(0.5)), "theta": matrix(2, theta...), "sigma": bt.Tensor{Dims: []int{0, 0}},
	}
}
