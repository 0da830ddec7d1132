package bundletest

import "math/rand/v2"

// Forest returns a pipeline of numbers x0, x1, ... and the string colour (red, green or blue), which an ensemble reads: op is
// random_forest_classifier, gbt_classifier, random_forest_regression or gbt_regression. The trees are random.
func Forest(random *rand.Rand, op string, numbers, trees, depth int) []Stage {
	in, names := Ports{"input0", "ci"}, []string{"x0", "x1", "x2", "x3", "x4", "x5"}[:numbers]
	for i, name := range names {
		in = append(in, []string{"input1", "input2", "input3", "input4", "input5", "input6"}[i], name)
	}
	g := grower{random, numbers + 1, 1}
	model := Stage{
		Name: "forest", Op: op, In: Ports{"features", "features"}, Out: Ports{"prediction", "prediction"},
		Attrs: Attrs{"num_features": Long(numbers + 1)},
	}
	if op == "random_forest_classifier" || op == "gbt_classifier" {
		model.Out = Ports{"raw_prediction", "rawPrediction", "probability", "probability", "prediction", "prediction"}
		model.Attrs["num_classes"] = Long(2)
	}
	tree := Tree{Op: "decision_tree_regression", Attrs: Attrs{"num_features": Long(numbers + 1)}}
	if op == "random_forest_classifier" {
		g.width, tree.Op, tree.Attrs["num_classes"] = 2, "decision_tree_classifier", Long(2)
	}
	weights := make([]float64, trees)
	for i := range weights {
		weights[i] = 0.1 + random.Float64()
		tree.Root = g.grow(depth)
		model.Trees = append(model.Trees, tree)
	}
	model.Attrs["tree_weights"] = weights
	return []Stage{
		{
			Name: "index", Op: "string_indexer", In: Ports{"input", "colour"}, Out: Ports{"output", "ci"},
			Attrs: Attrs{"labels": []string{"red", "green", "blue"}, "handle_invalid": "keep"},
		},
		{
			Name: "assemble", Op: "vector_assembler", In: in, Out: Ports{"output", "features"},
			Attrs: Attrs{"input_shapes": make([]Shape, numbers+1)},
		},
		model,
	}
}

type grower struct {
	*rand.Rand
	features, width int
}

// grow returns a tree whose leaves are at most at a depth, most of them there.
func (g *grower) grow(depth int) *Node {
	if depth == 0 || g.IntN(12) == 0 {
		leaf := make([]float64, g.width)
		for i := range leaf {
			leaf[i] = g.Float64()
		}
		return &Node{Leaf: leaf}
	}
	n := &Node{Feature: g.IntN(g.features), Threshold: float64(g.IntN(31))/8 - 2}
	if n.Feature == 0 { // colour
		n.Of, n.IsLeft, n.Categories = 4, g.IntN(2) == 0, []float64{float64(g.IntN(4))}
	}
	n.Left, n.Right = g.grow(depth-1), g.grow(depth-1)
	return n
}
