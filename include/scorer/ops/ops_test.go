package ops_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/frame"
	bt "leapline/scorer/internal/bundletest"
)

func compileStages(format string, t testing.TB, stages ...bt.Stage) (*engine.Program, error) {
	t.Helper()
	archive, err := bundle.Read("model.zip", bt.Zip(t, format, nil, stages...), bundle.DefaultLimits())
	if err != nil {
		return nil, err
	}
	return engine.Compile(archive)
}

// run sets a row's inputs by name and runs it.
func run(row *engine.Row, plan *engine.Plan, in cells) error {
	row.Reset()
	for i, c := range plan.Inputs() {
		value, ok := in[c.Name]
		if !ok {
			continue
		}
		var err error
		switch v := value.(type) {
		case nil:
			row.SetNull(i)
		case float64:
			err = row.SetDouble(i, v)
		case int64:
			err = row.SetLong(i, v)
		case bool:
			err = row.SetBool(i, v)
		case string:
			err = row.SetText(i, v)
		case vec:
			err = row.SetVector(i, v)
		case []string:
			err = row.SetTextList(i, v)
		default:
			err = fmt.Errorf("no setter for %T", value)
		}
		if err != nil {
			return err
		}
	}
	return row.Run()
}

// output returns the value of a column of any kind.
func output(row *engine.Row, plan *engine.Plan, name string) any {
	for k, c := range plan.Outputs() {
		switch {
		case c.Name != name:
		case row.IsSparse(k):
			out := make(vec, c.Width)
			for n, i := range row.Sparse(k).Index {
				out[i] = row.Sparse(k).Value[n]
			}
			return out
		case c.Type.Kind == frame.List:
			return slices.Clone(row.TextList(k))
		case c.Type.Kind == frame.Tensor:
			return append(vec{}, row.Vector(k)...)
		case c.Type.Base.Numeric():
			return row.Double(k)
		default:
			return row.Text(k)
		}
	}
	return nil
}

// approximatelyEqual compares values up to rounding; NaN equals NaN.
func approximatelyEqual(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		return ok && (x == y || (math.IsNaN(x) && math.IsNaN(y)) || math.Abs(x-y) <= 1e-12*math.Max(math.Abs(x), math.Abs(y)))
	case vec:
		y, ok := b.(vec)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !approximatelyEqual(x[i], y[i]) {
				return false
			}
		}
		return true
	case []string:
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	return a == b
}

func TestOpsComputeExpectedValues(t *testing.T) {
	for _, c := range unitCases {
		for _, format := range bt.Formats {
			t.Run(c.name+" "+format, func(t *testing.T) {
				program, err := compileStages(format, t, c.stages...)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := program.Plan()
				if err != nil {
					t.Fatal(err)
				}
				row := plan.NewRow()
				for _, r := range c.rows {
					checkRow(t, row, plan, r)
				}
			})
		}
	}
}

func TestEveryOpHasACase(t *testing.T) {
	tested := map[string]bool{"pipeline": true}
	for _, c := range unitCases {
		for _, s := range c.stages {
			tested[s.Op] = true
		}
	}
	for _, op := range engine.Ops() {
		if !tested[op] {
			t.Errorf("op %s has no test case", op)
		}
	}
}

func checkRow(t *testing.T, row *engine.Row, plan *engine.Plan, r unitRow) {
	t.Helper()
	err := run(row, plan, r.in)
	for name, want := range r.want {
		if text, ok := want.(string); ok && strings.HasPrefix(text, "error: ") {
			if err == nil || !strings.Contains(err.Error(), text[len("error: "):]) {
				t.Errorf("%v: error %v, expected %s", r.in, err, text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", r.in, err)
			continue
		}
		if got := output(row, plan, name); !approximatelyEqual(got, want) {
			t.Errorf("%v: %s is %v, expected %v", r.in, name, got, want)
		}
	}
}

// TestRejectsInvalidModels changes the attributes of valid models. The error names the entry and the fault.
func TestRejectsInvalidModels(t *testing.T) {
	forestOf := func(a attrs, root *bt.Node) []bt.Stage {
		return ensembleOf("random_forest_classifier", "decision_tree_classifier", classPorts, with(twoClasses, a), root)
	}
	logistic := attrs{"num_classes": bt.Long(2), "coefficients": tensor(1), "intercept": 0.0}
	for want, stages := range map[string][]bt.Stage{
		`unsupported op "teleport"; supported are pipeline, `: scalar("teleport", nil),
		"examples/custom_transformer":                         scalar("teleport", nil),
		`no attribute "labels"`:                               scalar("string_indexer", nil),
		"labels_length is 2, expected 1":                      scalar("string_indexer", attrs{"labels_length": bt.Int(2)}),
		`handle_invalid is "maybe"`:                           scalar("string_indexer", attrs{"labels": []string{"a"}, "handle_invalid": "maybe"}),
		"has a duplicate label":                               scalar("string_indexer", attrs{"labels": []string{"a", "a"}}),
		`"num_features" is int, expected long`:                scalar("vector_indexer", attrs{"num_features": bt.Int(2)}),
		`"num_features" is 0, expected 1`:                     scalar("vector_indexer", attrs{"num_features": bt.Long(0)}),
		"has -1 categories":                                   scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{-1}, "drop_last": true, "handle_invalid": "keep"}),
		"2 sizes for 1 input ports":                           scalar("one_hot_encoder", attrs{"category_sizes": bt.Ints{1, 2}, "drop_last": true, "handle_invalid": "keep"}),
		"1 shapes for 2 input ports":                          {stage("vector_assembler", ports{"input0", "a", "input1", "b"}, ports{"output", "y"}, attrs{"input_shapes": []bt.Shape{{}}})},
		`requires a column on its input port "input0"`:        {stage("vector_assembler", ports{"input", "a"}, ports{"output", "y"}, attrs{"input_shapes": []bt.Shape{{}}})},
		"splits must be increasing, found 1 and 1":            scalar("bucketizer", attrs{"splits": vec{0, 1, 1}}),
		"splits has 2 values":                                 scalar("bucketizer", attrs{"splits": vec{0, 1}}),
		"mean has 1 values and std 2":                         scalar("standard_scaler", attrs{"mean": tensor(1), "std": tensor(1, 2)}),
		"expected one attribute or equal numbers":             scalar("standard_scaler", nil),
		"min has 1 values and max 2":                          scalar("min_max_scaler", attrs{"min": tensor(1), "max": tensor(1, 2)}),
		"p_norm is 0.5":                                       scalar("normalizer", attrs{"p_norm": 0.5, "input_size": bt.Int(1)}),
		`"keys" has feature 5`:                                scalar("vector_indexer", attrs{"num_features": bt.Long(2), "keys": []int64{5}}),
		"vectors of indices are not supported":                scalar("reverse_string_indexer", attrs{"labels": []string{"a"}, "input_shape": bt.Shape{Width: 1}}),
		"num_classes is 3":                                    model("logistic_regression", classPorts, with(logistic, attrs{"num_classes": bt.Long(3)})),
		"threshold is 2, expected 0 to 1":                     model("logistic_regression", classPorts, with(logistic, attrs{"threshold": 2.0})),
		"thresholds has 3 values for 2":                       model("logistic_regression", classPorts, with(logistic, attrs{"thresholds": vec{1, 1, 1}})),
		"coefficient_matrix has 2 rows":                       model("logistic_regression", classPorts, attrs{"num_classes": bt.Long(3), "coefficient_matrix": matrix(2, 1, 2), "intercept_vector": tensor(0, 0, 0)}),
		"theta is 1 x 2, expected 2 classes x 2":              model("naive_bayes", classPorts, with(bayes("multinomial", 1, 1, 1, 1), attrs{"theta": matrix(1, 1, 2)})),
		`model_type is "poisson"`:                             model("naive_bayes", classPorts, bayes("poisson", 1, 1, 1, 1)),
		"sigma is 0 x 0":                                      model("naive_bayes", classPorts, bayes("gaussian", 1, 1, 1, 1)),
		`"cluster_centers" is empty`:                          model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{}}),
		`"cluster_centers" has dimensions [2], expected [1]`:  model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{tensor(1, 2)}}),
		`distance_measure is "manhattan"`:                     model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{tensor(1)}, "distance_measure": "manhattan"}),
		"cluster centre 0 is zero":                            model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{tensor(0)}, "distance_measure": "cosine"}),
		`column "aB" is ambiguous: "AB" and "ab"`: {
			stage("binarizer", ports{"input", "AB"}, ports{"output", "ab"}, attrs{"input_shapes": bt.Shape{}}),
			stage("imputer", ports{"input", "aB"}, ports{"output", "y"}, attrs{"surrogate_value": 1.0, "strategy": "mean"}),
		},
		`does not support look-around`:                                  scalar("regex_tokenizer", regex(`(?<=a)b`, true, 1, true)),
		`does not support this escape in a regular expression (at "\\b`: scalar("regex_tokenizer", regex(`\bx`, true, 1, true)),
		`does not support ^ and $`:                                      scalar("regex_tokenizer", regex(`a$`, true, 1, true)),
		`does not support nested classes`:                               scalar("regex_tokenizer", regex(`[a-z&&[^b]]`, true, 1, true)),
		`matches the empty string`:                                      scalar("regex_tokenizer", regex(`x*`, true, 1, true)),
		"unsupported regular expression":                                scalar("regex_tokenizer", regex(`a++`, true, 1, true)),
		`"vocabulary" has a duplicate term`:                             scalar("count_vectorizer", attrs{"vocabulary": texts{"a", "a"}, "binary": false, "min_tf": 1.0}),
		"hashUnsafeBytesVersion is 3":                                   scalar("hashing_term_frequency", attrs{"num_features": bt.Long(8), "binary": false, "hashUnsafeBytesVersion": bt.Int(3)}),
		"2 words, 2 indices and 3 values":                               scalar("word_to_vector", attrs{"words": texts{"a", "b"}, "word_vectors": vec{1, 2, 3}}),
		`word "b" has index 2`:                                          scalar("word_to_vector", attrs{"words": texts{"a", "b"}, "indices": []int64{0, 2}, "word_vectors": vec{1, 2}}),
		`kernel is "cube"`:                                              scalar("word_to_vector", attrs{"words": texts{"a"}, "word_vectors": vec{1}, "kernel": "cube"}),
		`"idf" is empty`:                                                scalar("idf", attrs{"idf": tensor()}),
		"selects element 3":                                             scalar("vector_slicer", slicer(3, nil, 3)),
		"selects element 1":                                             scalar("vector_slicer", slicer(3, bt.Ints{1}, 1)),
		`"filter_indices" must be ascending`:                            scalar("chi_sq_selector", attrs{"filter_indices": []int64{1, 0}, "input_size": bt.Int(3)}),
		"expansion of 1000 values to degree 9":                          scalar("polynomial_expansion", attrs{"degree": bt.Long(9), "input_size": bt.Long(1000)}),
		"input_size is 5000, expected 1 to 4096":                        scalar("dct", attrs{"inverse": false, "input_size": bt.Int(5000)}),
		"num_inputs is 2, but there are 1":                              {stage("interaction", ports{"input0", "a"}, ports{"output", "y"}, attrs{"num_inputs": bt.Int(2), "input_shapes": []bt.Shape{{}}})},
		`"num_features0" has 2 values for 1`:                            {stage("interaction", ports{"input0", "a"}, ports{"output", "y"}, attrs{"num_inputs": bt.Int(1), "input_shapes": []bt.Shape{{}}, "num_features0": bt.Ints{1, 1}})},
		"3 input_names, 3 basic_types":                                  {stage("feature_hasher", ports{"input0", "n"}, ports{"output", "y"}, hasher(9))},
		`"weights" has 1 values in excess`:                              model("multi_layer_perceptron_classifier", classPorts, attrs{"layers": []int64{1, 2}, "weights": tensor(1, 2, 3, 4, 5)}),
		`"weights" has too few values`:                                  model("multi_layer_perceptron_classifier", classPorts, attrs{"layers": []int64{1, 2}, "weights": tensor(1, 2, 3)}),
		"model0/model":                                                  {{Name: "r", Op: "one_vs_rest", In: ports{"features", "x"}, Out: ports{"prediction", "y"}, Attrs: attrs{"num_classes": bt.Long(1), "num_features": bt.Long(1)}}},
		`op linear_regression has no output`:                            {{Name: "r", Op: "one_vs_rest", In: ports{"features", "x"}, Out: ports{"prediction", "y"}, Attrs: attrs{"num_classes": bt.Long(1), "num_features": bt.Long(1)}, Models: []bt.Stage{{Op: "linear_regression", Attrs: attrs{"coefficients": tensor(1), "intercept": 0.0}}}}},
		"2 boundaries and 1 predictions":                                model("isotonic_regression", ports{"prediction", "y"}, attrs{"boundaries": vec{0, 1}, "predictions": vec{2}, "isotonic": true}),
		"width of the input vector is not known":                        model("isotonic_regression", ports{"prediction", "y"}, attrs{"boundaries": vec{0}, "predictions": vec{2}, "isotonic": true, "feature_index": bt.Long(0)}),
		`family is "cauchy"`:                                            model("generalized_linear_regression", ports{"prediction", "y"}, attrs{"coefficients": tensor(1), "intercept": 0.5, "family": "cauchy"}),
		`link is "cubic"`:                                               model("generalized_linear_regression", ports{"prediction", "y"}, attrs{"coefficients": tensor(1), "intercept": 0.5, "family": "gamma", "link": "cubic"}),
		"is not a covariance":                                           model("gaussian_mixture", classPorts, attrs{"weights": vec{1}, "means": []bt.Tensor{tensor(0)}, "covs": []bt.Tensor{matrix(1, 0)}}),
		"exceeds the limit of 512":                                      model("gaussian_mixture", classPorts, attrs{"weights": vec{1}, "means": []bt.Tensor{tensor(make(vec, 600)...)}, "covs": []bt.Tensor{matrix(1, 0)}}),
		"split on feature 7, expected a feature below 2":                forestOf(nil, &bt.Node{Feature: 7, Left: leaf(1, 1), Right: leaf(1, 1)}),
		"leaf has 1 values, expected 2":                                 forestOf(nil, leaf(1)),
		"has no trees":                                                  model("random_forest_classifier", classPorts, with(twoClasses, attrs{"trees": []string{}})),
		"op is \"decision_tree_regression\"":                            ensembleOf("random_forest_classifier", "decision_tree_regression", classPorts, twoClasses, leaf(1, 1)),
		"num_features is 2, expected 3":                                 forestOf(attrs{"num_features": bt.Long(3)}, leaf(1, 1)),
		`no attribute "tree_weights"`:                                   model("random_forest_classifier", classPorts, attrs{"num_classes": bt.Long(2)}),
		"tree_weights has 1 values for 2 trees":                         ensembleOf("gbt_regression", "decision_tree_regression", ports{"prediction", "y"}, twoClasses, leaf(1), leaf(2)),
		"lossType is \"hinge\"":                                         ensembleOf("gbt_classifier", "decision_tree_regression", classPorts, with(twoClasses, attrs{"lossType": "hinge"}), leaf(1)),
		"num_classes is 1 and threshold":                                model("linear_svc", classPorts, attrs{"num_classes": bt.Long(1), "coefficients": tensor(1), "intercept": 0.0, "threshold": 0.0}),
		"column \"v\" has 2 values, expected 1":                         append(scalar("normalizer", attrs{"p_norm": 1.0, "input_size": bt.Int(2)})[:0:0], stage("standard_scaler", ports{"input", "v0"}, ports{"output", "v"}, attrs{"std": tensor(1, 1)}), stage("max_abs_scaler", ports{"input", "v"}, ports{"output", "w"}, attrs{"maxAbs": tensor(1)})),
		"column \"y\" already exists":                                   append(scalar("binarizer", attrs{"input_shapes": bt.Shape{}}), stage("imputer", ports{"input", "x"}, ports{"output", "y"}, attrs{"surrogate_value": 1.0, "strategy": "mean"})),
		"column \"x\" already exists":                                   {stage("binarizer", ports{"input", "x"}, ports{"output", "x"}, attrs{"input_shapes": bt.Shape{}})},
		"expected a double":                                             append(scalar("standard_scaler", attrs{"std": tensor(1)}), stage("binarizer", ports{"input", "y"}, ports{"output", "z"}, attrs{"input_shapes": bt.Shape{}})),
		"doubles per row, the limit":                                    {stage("vector_assembler", ports{"input0", "a", "input1", "b", "input2", "c"}, ports{"output", "y"}, attrs{"input_shapes": []bt.Shape{{Width: 1 << 18}, {Width: 1 << 18}, {Width: 1<<19 - 5}}}), stage("normalizer", ports{"input", "y"}, ports{"output", "z"}, attrs{"p_norm": 1.0, "input_size": bt.Int(1<<20 - 5)})},
	} {
		for _, format := range bt.Formats {
			_, err := compileStages(format, t, stages...)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "root") {
				t.Errorf("%s: got %v\nexpected %s", format, err, want)
			}
		}
	}
}

// TestRejectsNullAttributes checks that a JSON null, which stands for NaN and both infinities, is rejected unless its meaning
// follows from the attribute.
func TestRejectsNullAttributes(t *testing.T) {
	for name, stages := range map[string][]bt.Stage{
		"intercept":            model("linear_regression", ports{"prediction", "y"}, attrs{"coefficients": tensor(1), "intercept": inf}),
		"coefficients":         model("linear_regression", ports{"prediction", "y"}, attrs{"coefficients": tensor(inf), "intercept": 0.0}),
		"max":                  scalar("min_max_scaler", attrs{"min": tensor(1), "max": tensor(inf)}),
		"thresholds":           model("logistic_regression", classPorts, attrs{"num_classes": bt.Long(2), "coefficients": tensor(1), "intercept": 0.0, "thresholds": vec{1, inf}}),
		"principal_components": scalar("pca", attrs{"principal_components": matrix(1, nan)}),
		"cluster_centers":      model("k_means", ports{"prediction", "y"}, attrs{"num_features": bt.Long(1), "cluster_centers": []bt.Tensor{tensor(nan)}}),
	} {
		_, err := compileStages("json", t, stages...)
		if want := fmt.Sprintf("attribute %q contains null", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %s", err, want)
		}
		if _, err := compileStages("protobuf", t, stages...); err != nil {
			t.Errorf("%s in protobuf: %v", name, err)
		}
	}
}

// TestReportsFirstInvalidTree reads trees concurrently, also trees whose model differs from that of the previous tree.
func TestReportsFirstInvalidTree(t *testing.T) {
	valid, short, far := leaf(1, 1), leaf(1), &bt.Node{Feature: 7, Left: leaf(1, 1), Right: leaf(1, 1)}
	forestOf := func(roots ...*bt.Node) []bt.Stage {
		return ensembleOf("random_forest_classifier", "decision_tree_classifier", classPorts, twoClasses, roots...)
	}
	other := forestOf(valid, valid, valid, valid)
	other[0].Trees[3].Attrs = attrs{"num_features": bt.Long(2), "num_classes": bt.Long(3)}
	for want, stages := range map[string][]bt.Stage{
		"tree1: node 0: leaf has 1 values":    forestOf(valid, short, valid, far),
		"tree1: node 0: split on feature 7":   forestOf(valid, far, short, valid),
		"tree3: num_classes is 3, expected 2": other,
	} {
		for _, format := range bt.Formats {
			for range 20 {
				if _, err := compileStages(format, t, stages...); err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("%s: got %v\nexpected %s", format, err, want)
				}
			}
		}
	}
}

// TestScoresWithoutAllocations covers every op and both representations of vectors.
func TestScoresWithoutAllocations(t *testing.T) {
	for _, c := range append(unitCases, wideCase()) {
		program, err := compileStages("protobuf", t, c.stages...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := program.Plan()
		if err != nil {
			t.Fatal(err)
		}
		row := plan.NewRow()
		if run(row, plan, c.rows[0].in) != nil {
			continue // the case only has errors
		}
		saved := row.Save()
		allocs := testing.AllocsPerRun(20, func() {
			row.Load(saved)
			if err := row.Run(); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations per row", c.name, allocs)
		}
	}
}

// wideCase has a column with so many categories that its vectors remain sparse up to the model.
func wideCase() unitCase {
	const categories = 500
	w := make(vec, categories+1)
	labels := make([]string, categories)
	for i := range w {
		w[i] = float64(i) / 7
	}
	for i := range labels {
		labels[i] = fmt.Sprint("item", i)
	}
	return unitCase{"wide", []bt.Stage{
		stage("string_indexer", ports{"input", "item"}, ports{"output", "i"}, attrs{"labels": labels, "handle_invalid": "keep"}),
		stage("one_hot_encoder", ports{"input", "i"}, ports{"output", "v"}, attrs{"category_sizes": bt.Ints{categories}, "drop_last": true, "handle_invalid": "keep"}),
		stage("vector_assembler", ports{"input0", "a", "input1", "v"}, ports{"output", "raw"}, attrs{"input_shapes": []bt.Shape{{}, {Width: categories}}}),
		stage("standard_scaler", ports{"input", "raw"}, ports{"output", "x"}, attrs{"std": tensor(append(vec{2}, slicesOf(4, categories)...)...)}),
		stage("linear_regression", ports{"features", "x"}, ports{"prediction", "y"}, attrs{"coefficients": tensor(w...), "intercept": 1.0}),
		{
			Name: "tree", Op: "decision_tree_regression", In: ports{"features", "x"}, Out: ports{"prediction", "t"},
			Attrs: attrs{"num_features": bt.Long(categories + 1)},
			Tree:  &bt.Node{Feature: 42, Threshold: 0.1, Left: leaf(7), Right: leaf(8)},
		},
	}, []unitRow{
		{cells{"a": 3.0, "item": "item41"}, cells{"y": 1 + 42.0/7/4, "t": 8.0}},
		{cells{"a": 3.0, "item": "item40"}, cells{"y": 1 + 41.0/7/4, "t": 7.0}},
		{cells{"a": 3.0, "item": nil}, cells{"y": 1.0, "t": 7.0}},
	}}
}

func slicesOf(x float64, n int) vec {
	out := make(vec, n)
	for i := range out {
		out[i] = x
	}
	return out
}

func TestWideVectorsStaySparse(t *testing.T) {
	c := wideCase()
	program, err := compileStages("json", t, c.stages...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := program.Plan("y", "t", "x")
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	for _, r := range c.rows {
		checkRow(t, row, plan, r)
	}
	if !row.IsSparse(2) {
		t.Error("the scaled vector is an array")
	}
}
