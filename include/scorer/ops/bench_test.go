package ops_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"leapline/scorer/engine"
	bt "leapline/scorer/internal/bundletest"
)

// growTree returns a random tree. Like Spark's forests it has up to 31 distinct thresholds per feature.
func growTree(r *rand.Rand, features, depth int) *bt.Node {
	if depth == 0 || (depth < 6 && r.IntN(8) == 0) {
		return leaf(float64(r.IntN(50)), float64(1+r.IntN(50)))
	}
	return &bt.Node{
		Feature: r.IntN(features), Threshold: float64(r.IntN(31)-15) / 8,
		Left: growTree(r, features, depth-1), Right: growTree(r, features, depth-1),
	}
}

// mixedPipeline one-hot encodes 12 string columns with 10 labels, imputes 12 of 48 numeric columns, scales the 168 values
// and evaluates a forest of 100 trees of depth 10.
func mixedPipeline() []bt.Stage {
	const texts, labels, numbers, imputed = 12, 10, 48, 12
	r := rand.New(rand.NewPCG(1, 2))
	index := bt.Stage{Name: "index", Op: "string_indexer", Attrs: attrs{"labels_length": bt.Int(texts), "handle_invalid": "keep"}}
	encode := bt.Stage{Name: "encode", Op: "one_hot_encoder", Attrs: attrs{"drop_last": true, "handle_invalid": "keep"}}
	assemble := bt.Stage{Name: "assemble", Op: "vector_assembler", Out: ports{"output", "assembled"}}
	var sizes bt.Ints
	var shapes []bt.Shape
	stages := []bt.Stage{}
	join := func(column string, shape bt.Shape) {
		assemble.In = append(assemble.In, fmt.Sprintf("input%d", len(shapes)), column)
		shapes = append(shapes, shape)
	}
	for i := range texts {
		var list []string
		for k := range labels {
			list = append(list, fmt.Sprintf("label %d", k))
		}
		index.Attrs[fmt.Sprintf("labels_array_%d", i)] = list
		index.In = append(index.In, fmt.Sprintf("input%d", i), fmt.Sprintf("s%d", i))
		index.Out = append(index.Out, fmt.Sprintf("output%d", i), fmt.Sprintf("i%d", i))
		encode.In = append(encode.In, fmt.Sprintf("input%d", i), fmt.Sprintf("i%d", i))
		encode.Out = append(encode.Out, fmt.Sprintf("output%d", i), fmt.Sprintf("v%d", i))
		sizes = append(sizes, labels)
		join(fmt.Sprintf("v%d", i), bt.Shape{Width: labels})
	}
	for i := range numbers {
		column := fmt.Sprintf("x%d", i)
		if i < imputed {
			stages = append(stages, bt.Stage{
				Name: "impute" + column, Op: "imputer", In: ports{"input", column}, Out: ports{"output", "m" + column},
				Attrs: attrs{"surrogate_value": 0.5, "strategy": "mean"},
			})
			column = "m" + column
		}
		join(column, bt.Shape{})
	}
	encode.Attrs["category_sizes"] = sizes
	assemble.Attrs = attrs{"input_shapes": shapes}
	width := texts*labels + numbers
	forest := bt.Stage{
		Name: "forest", Op: "random_forest_classifier", In: ports{"features", "features"}, Out: classPorts,
		Attrs: attrs{"num_features": bt.Long(width), "num_classes": bt.Long(2), "tree_weights": slicesOf(1, 100)},
	}
	for range 100 {
		forest.Trees = append(forest.Trees, bt.Tree{
			Op: "decision_tree_classifier", Attrs: attrs{"num_features": bt.Long(width), "num_classes": bt.Long(2)}, Root: growTree(r, width, 10),
		})
	}
	scale := bt.Stage{
		Name: "scale", Op: "standard_scaler", In: ports{"input", "assembled"}, Out: ports{"output", "features"},
		Attrs: attrs{"std": tensor(slicesOf(1.1, width)...)},
	}
	return append(stages, index, encode, assemble, scale, forest)
}

// BenchmarkMixed scores rows of 60 columns.
func BenchmarkMixed(b *testing.B) {
	program, err := compileStages("protobuf", b, mixedPipeline()...)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := program.Plan(program.FinalOutputs()...)
	if err != nil {
		b.Fatal(err)
	}
	row := plan.NewRow()
	r := rand.New(rand.NewPCG(3, 4))
	var rows []*engine.SavedInputs
	for range 200 {
		in := cells{}
		for _, c := range plan.Inputs() {
			switch {
			case !c.Type.Base.Numeric():
				in[c.Name] = fmt.Sprintf("label %d", r.IntN(11))
			case c.Type.Nullable && r.IntN(5) == 0:
				in[c.Name] = nil
			default:
				in[c.Name] = r.NormFloat64()
			}
		}
		if err := run(row, plan, in); err != nil {
			b.Fatal(err)
		}
		rows = append(rows, row.Save())
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		row.Load(rows[i%len(rows)])
		if err := row.Run(); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
