package engine_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	bt "leapline/scorer/internal/bundletest"
	_ "leapline/scorer/ops"
)

func compile(t testing.TB, stages ...bt.Stage) *engine.Program {
	t.Helper()
	archive, err := bundle.Read("model.zip", bt.Zip(t, "json", nil, stages...), bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mixed returns a pipeline with two branches: colour -> ci -> features -> y, and x -> bucket, which no stage reads.
func mixed() []bt.Stage {
	return []bt.Stage{
		{
			Name: "index", Op: "string_indexer", In: bt.Ports{"input", "colour"}, Out: bt.Ports{"output", "ci"},
			Attrs: bt.Attrs{"labels": []string{"red", "5.0", "7", "true", "1.0E10", "NaN", "1.0E-4", "0.1"}, "handle_invalid": "keep"},
		},
		{
			Name: "bucket", Op: "bucketizer", In: bt.Ports{"input", "x"}, Out: bt.Ports{"output", "bucket"},
			Attrs: bt.Attrs{"splits": []float64{-1, 0, 1}},
		},
		{
			Name: "assemble", Op: "vector_assembler", In: bt.Ports{"input0", "ci", "input1", "n"}, Out: bt.Ports{"output", "features"},
			Attrs: bt.Attrs{"input_shapes": []bt.Shape{{}, {Nullable: true}}},
		},
		{
			Name: "model", Op: "linear_regression", In: bt.Ports{"features", "features"}, Out: bt.Ports{"prediction", "y"},
			Attrs: bt.Attrs{"coefficients": bt.Tensor{Dims: []int{2}, Values: []float64{1, 100}}, "intercept": 0.0},
		},
		{
			Name: "after", Op: "binarizer", In: bt.Ports{"input", "y"}, Out: bt.Ports{"output", "big"},
			Attrs: bt.Attrs{"threshold": 50.0, "input_shapes": bt.Shape{}},
		},
	}
}

func names(columns []engine.Column) (list []string) {
	for _, c := range columns {
		list = append(list, c.Name+" "+c.Type.String())
	}
	return list
}

func TestPlanKeepsRequiredStages(t *testing.T) {
	p := compile(t, mixed()...)
	if got := names(p.Inputs()); !slices.Equal(got, []string{"colour string?", "x double", "n double?"}) {
		t.Error(got)
	}
	if got := names(p.Outputs()); !slices.Equal(got, []string{"ci double", "bucket double", "features tensor(double)[2]", "y double", "big double"}) {
		t.Error(got)
	}
	if got := p.FinalOutputs(); !slices.Equal(got, []string{"y", "big"}) {
		t.Errorf("final outputs %v", got)
	}
	for outputs, inputs := range map[string]string{"y": "colour,n", "bucket": "x", "ci": "colour", "big,bucket": "colour,x,n", "": "colour,x,n"} {
		var want []string
		if outputs != "" {
			want = strings.Split(outputs, ",")
		}
		plan, err := p.Plan(want...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range plan.Inputs() {
			got = append(got, c.Name)
		}
		if strings.Join(got, ",") != inputs {
			t.Errorf("%s requires %v, expected %s", outputs, got, inputs)
		}
	}
	for _, name := range []string{"colour", "nobody", ""} {
		if _, err := p.Plan(name); err == nil || !strings.Contains(err.Error(), "its outputs are ci, bucket, features, y, big") {
			t.Errorf("the column %q: %v", name, err)
		}
	}
	if got := p.FeatureNames(p.Stages()[3]); !slices.Equal(got, []string{"ci", "n"}) {
		t.Errorf("features %v", got)
	}
}

func TestFeatureNamesFollowSelectedElements(t *testing.T) {
	p := compile(t,
		bt.Stage{
			Name: "assemble", Op: "vector_assembler", In: bt.Ports{"input0", "a", "input1", "b", "input2", "v"}, Out: bt.Ports{"output", "all"},
			Attrs: bt.Attrs{"input_shapes": []bt.Shape{{}, {}, {Width: 2}}},
		},
		bt.Stage{
			Name: "select", Op: "vector_slicer", In: bt.Ports{"input", "all"}, Out: bt.Ports{"output", "some"},
			Attrs: bt.Attrs{"indices": []int64{3, 0}, "names": []string{}, "named_indices": bt.Ints{}, "input_size": bt.Int(4)},
		},
		bt.Stage{
			Name: "transform", Op: "dct", In: bt.Ports{"input", "some"}, Out: bt.Ports{"output", "mixed"},
			Attrs: bt.Attrs{"inverse": false, "input_size": bt.Int(2)},
		},
		bt.Stage{
			Name: "model", Op: "linear_regression", In: bt.Ports{"features", "some"}, Out: bt.Ports{"prediction", "y"},
			Attrs: bt.Attrs{"coefficients": bt.Tensor{Dims: []int{2}, Values: []float64{1, 100}}, "intercept": 0.0},
		},
		bt.Stage{
			Name: "other", Op: "linear_regression", In: bt.Ports{"features", "mixed"}, Out: bt.Ports{"prediction", "z"},
			Attrs: bt.Attrs{"coefficients": bt.Tensor{Dims: []int{2}, Values: []float64{1, 100}}, "intercept": 0.0},
		})
	for stage, want := range map[int][]string{3: {"v[1]", "a"}, 4: {"mixed[0]", "mixed[1]"}} {
		if got := p.FeatureNames(p.Stages()[stage]); !slices.Equal(got, want) {
			t.Errorf("features %v, expected %v", got, want)
		}
	}
}

func TestLowerEqualsJava(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "abc": "abc", "ABC ÄÖ": "abc äö", "İI": "i\u0307i", "ΑΣ": "ας", "ΑΣΑ": "ασα", "Σ": "σ", "ΑΣ'Α": "ασ'α", "ΑΣ.": "ας.", "Ⅷ": "ⅷ",
	} {
		if got := engine.Lower(text); got != want {
			t.Errorf("%q in lower case is %q, expected %q", text, got, want)
		}
	}
}

func TestUnusedStagesDoNotRun(t *testing.T) {
	plan, err := compile(t, mixed()...).Plan("ci")
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	if err := row.SetText(0, "red"); err != nil {
		t.Fatal(err)
	}
	if err := row.Run(); err != nil || row.Double(0) != 0 {
		t.Error(row.Double(0), err) // x and n are not set
	}
}

func TestSettersCastAsMLeap(t *testing.T) {
	plan, err := compile(t, mixed()...).Plan("ci", "y")
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	const colour, n = 0, 1
	for label, c := range map[string]struct {
		set   func() error
		index float64
	}{
		"double":  {func() error { return row.SetDouble(colour, 5) }, 1},
		"long":    {func() error { return row.SetLong(colour, 7) }, 2},
		"boolean": {func() error { return row.SetBool(colour, true) }, 3},
		"large":   {func() error { return row.SetDouble(colour, 1e10) }, 4},
		"NaN":     {func() error { return row.SetDouble(colour, math.NaN()) }, 5},
		"small":   {func() error { return row.SetDouble(colour, 1e-4) }, 6},
		"float":   {func() error { return row.SetFloat(colour, 0.1) }, 7},
		"integer": {func() error { return row.SetLong(colour, 5) }, 8},
	} {
		row.Reset()
		if err := c.set(); err != nil {
			t.Fatal(err)
		}
		if err := row.SetText(n, " 2.5 "); err != nil {
			t.Fatal(err)
		}
		if err := row.Run(); err != nil || row.Double(0) != c.index || row.Double(1) != 250+c.index {
			t.Errorf("%s: index %v, y %v, %v", label, row.Double(0), row.Double(1), err)
		}
	}
	for text, x := range map[string]float64{"1e3": 1000, "-Infinity": math.Inf(-1), "+5": 5, "-0.5": -0.5} {
		row.Reset()
		row.SetNull(colour)
		if err := row.SetText(n, text); err != nil {
			t.Fatal(err)
		}
		if err := row.Run(); err != nil || row.Double(1) != 100*x+8 {
			t.Errorf("%s: %v, %v", text, row.Double(1), err)
		}
	}
	for _, text := range []string{"", "x", "0x10", "1_000", "inf", "1e"} {
		if err := row.SetText(n, text); err == nil || !strings.Contains(err.Error(), `column "n": found the string`) {
			t.Errorf("the string %q: %v", text, err)
		}
	}
}

func TestRejectsInvalidRows(t *testing.T) {
	plan, err := compile(t, mixed()...).Plan()
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	set := func(i int, x float64) {
		if err := row.SetDouble(i, x); err != nil {
			t.Fatal(err)
		}
	}
	for want, prepare := range map[string]func(){
		`stage index (string_indexer): column "colour" is missing`:     func() {},
		`stage bucket (bucketizer): column "x" is missing`:             func() { row.SetNull(0) },
		`stage bucket (bucketizer): column "x" is null`:                func() { row.SetNull(0); row.SetNull(1) },
		`stage bucket (bucketizer): column "x" is 3`:                   func() { row.SetNull(0); set(1, 3) },
		`stage assemble (vector_assembler): column "n" is null, expec`: func() { row.SetNull(0); set(1, 0); row.SetNull(2) },
	} {
		row.Reset()
		prepare()
		if err := row.Run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %s", err, want)
		}
	}
	if err := row.SetVector(0, []float64{1}); err == nil || !strings.Contains(err.Error(), `column "colour" is a vector, expected a string`) {
		t.Error(err)
	}
}

func TestReadsDenseAndSparseVectors(t *testing.T) {
	plan, err := compile(t, bt.Stage{
		Name: "s", Op: "max_abs_scaler", In: bt.Ports{"input", "v"}, Out: bt.Ports{"output", "w"},
		Attrs: bt.Attrs{"maxAbs": bt.Tensor{Dims: []int{4}, Values: []float64{1, 2, 4, 8}}},
	}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	check := func(err error, want string) {
		t.Helper()
		if err == nil {
			err = row.Run()
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := string(row.AppendJSON(nil, 0)); got != want {
			t.Errorf("got %s, expected %s", got, want)
		}
	}
	check(row.SetVector(0, []float64{1, 1, 0, 4}), `{"dimensions":[4],"values":[1.0,0.5,0.0,0.5]}`)
	check(row.SetSparse(0, 4, []int32{1, 3}, []float64{1, 4}), `{"dimensions":[4],"indices":[[1],[3]],"values":[0.5,0.5]}`)
	for want, err := range map[string]error{
		"has 3 values, expected 4":       row.SetVector(0, []float64{1, 2, 3}),
		"has 5 values, expected 4":       row.SetSparse(0, 5, nil, nil),
		"has index 1 after 1":            row.SetSparse(0, 4, []int32{1, 1}, []float64{1, 2}),
		"has index 4 after -1, expected": row.SetSparse(0, 4, []int32{4}, []float64{1}),
		"has index -1 after -1":          row.SetSparse(0, 4, []int32{-1}, []float64{1}),
		"is a number, expected a tensor": row.SetDouble(0, 1),
		"is a string, expected a tensor": row.SetText(0, "1"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, expected %s", err, want)
		}
	}
}

// TestConvertsColumnsBetweenStages has stages read a column in another representation than the previous stage computes.
func TestConvertsColumnsBetweenStages(t *testing.T) {
	p := compile(t,
		bt.Stage{Name: "b", Op: "binarizer", In: bt.Ports{"input", "x"}, Out: bt.Ports{"output", "b"}, Attrs: bt.Attrs{"input_shapes": bt.Shape{}}},
		bt.Stage{Name: "i", Op: "string_indexer", In: bt.Ports{"input", "b"}, Out: bt.Ports{"output", "i"}, Attrs: bt.Attrs{"labels": []string{"1.0", "0.0"}}},
		bt.Stage{Name: "r", Op: "reverse_string_indexer", In: bt.Ports{"input", "i"}, Out: bt.Ports{"output", "t"}, Attrs: bt.Attrs{"labels": []string{"12.5", "x"}}},
		bt.Stage{Name: "l", Op: "bucketizer", In: bt.Ports{"input", "t"}, Out: bt.Ports{"output", "l"}, Attrs: bt.Attrs{"splits": []float64{0, 10, 20}}},
	)
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	for x, want := range map[float64]string{1: "12.5", -1: `column "t": found the string "x"`} {
		row.Reset()
		if err := row.SetDouble(0, x); err != nil {
			t.Fatal(err)
		}
		err := row.Run()
		if x > 0 && (err != nil || row.Text(2) != want || row.Double(3) != 1) {
			t.Error(row.Text(2), row.Double(3), err)
		}
		if x < 0 && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Error(err)
		}
	}
}

func TestCompilesNestedPipelines(t *testing.T) {
	inner := bt.Files("json", nil, mixed()[0])
	outer := bt.Files("json", nil, bt.Stage{Name: "inner", Op: "pipeline", Attrs: bt.Attrs{"nodes": []string{"index"}}})
	for name, text := range inner {
		if strings.HasPrefix(name, "root/index.node/") {
			outer["root/inner.node/"+strings.TrimPrefix(name, "root/")] = text
		}
	}
	archive, err := bundle.Read("model.zip", bt.Pack(t, outer), bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	stages := p.Stages()
	if len(stages) != 2 || stages[0].Op != "pipeline" || stages[1].Depth != 1 || p.Outputs()[0].Name != "ci" {
		t.Errorf("%+v", stages)
	}
}

func TestPipelineWithoutStagesHasNoColumns(t *testing.T) {
	p := compile(t)
	if len(p.Inputs()) != 0 || len(p.Outputs()) != 0 || len(p.FinalOutputs()) != 0 {
		t.Errorf("inputs %v, outputs %v, final outputs %v", p.Inputs(), p.Outputs(), p.FinalOutputs())
	}
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.NewRow().Run(); err != nil {
		t.Error(err)
	}
}

func TestRegisterPanicsOnDuplicateOp(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Register did not panic")
		}
	}()
	engine.Register("bucketizer", nil)
}
