package bundle

import (
	"math"
	"slices"
	"testing"
	"unicode/utf8"

	"leapline/scorer/internal/bundletest"
	"leapline/scorer/internal/jsonscan"
)

// small returns limits that a fuzzer can reach.
func small() Limits {
	lim := DefaultLimits()
	lim.Depth, lim.Nodes, lim.List, lim.Text = 20, 1000, 1000, 1000
	return lim
}

// seeds returns every file of a kind (model, node or tree) from a small bundle with all kinds of attributes and trees, and
// from the golden bundles if these exist.
func seeds(f *testing.F, format, kind string) [][]byte {
	f.Helper()
	leaf := func(x ...float64) *bundletest.Node { return &bundletest.Node{Leaf: x} }
	tree := &bundletest.Node{
		Feature: 1, Threshold: 0.1, Left: leaf(1, 2),
		Right: &bundletest.Node{Feature: 300, Of: 5, Categories: []float64{1, 4}, IsLeft: true, Left: leaf(), Right: leaf(0.5)},
	}
	files := bundletest.Files(format, nil, bundletest.Stage{
		Name: "ünï", Op: "x", Tree: tree, In: bundletest.Ports{"a", "b"}, Out: bundletest.Ports{"c", "d"},
		Attrs: bundletest.Attrs{
			"b": true, "s": "x", "i": bundletest.Int(-1), "l": bundletest.Long(14), "d": math.NaN(), "ds": bundletest.Shape{Width: 3},
			"ss": []string{"x", ""}, "is": bundletest.Ints{1}, "ls": []int64{-1}, "dd": []float64{1, math.NaN()},
			"dss": []bundletest.Shape{{}, {Width: 2, Nullable: true}}, "t": bundletest.Tensor{Dims: []int{2, 1}, Values: []float64{1, 2}},
			"ts": []bundletest.Tensor{{Dims: []int{1}, Values: []float64{3}}},
		},
	}, bundletest.Stage{Name: "c", Op: "y", Cluster: []bundletest.ClusterRecord{
		{Index: -1, Children: 1, Centre: []float64{1}}, {Index: 2, Centre: []float64{3}},
	}})
	ext := map[string]string{"json": ".json", "protobuf": ".pb"}[format]
	var list [][]byte
	for _, dir := range []string{"root/", "root/ünï.node/", "root/c.node/"} {
		if text, ok := files[dir+kind+ext]; ok {
			list = append(list, []byte(text))
		}
	}
	return append(list, goldenFiles(f, format, kind+ext)...)
}

func FuzzNodeJSON(f *testing.F) {
	for _, seed := range seeds(f, "json", "node") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzNode(t, data, (*Node).parseJSON) })
}

func FuzzNodeProto(f *testing.F) {
	for _, seed := range seeds(f, "protobuf", "node") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzNode(t, data, (*Node).parseProto) })
}

func fuzzNode(t *testing.T, data []byte, parse func(*Node, []byte, Limits) error) {
	n := &Node{}
	if parse(n, data, small()) != nil || n.checkSockets() != nil {
		return
	}
	texts := []string{n.Name}
	for _, k := range slices.Concat(n.Inputs, n.Outputs) {
		texts = append(texts, k.Port, k.Name)
	}
	for _, text := range texts {
		if len(text) > small().Text || !utf8.ValidString(text) {
			t.Fatalf("accepted the string %q", text)
		}
	}
}

func FuzzModelJSON(f *testing.F) {
	for _, seed := range seeds(f, "json", "model") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzModel(t, data, (*Model).parseJSON) })
}

func FuzzModelProto(f *testing.F) {
	for _, seed := range seeds(f, "protobuf", "model") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzModel(t, data, (*Model).parseProto) })
}

// fuzzModel checks that accepted attributes match their type and the limits.
func fuzzModel(t *testing.T, data []byte, parse func(*Model, []byte, Limits) error) {
	m := &Model{Entry: "model", Attributes: map[string]*Value{}}
	lim := small()
	if parse(m, data, lim) != nil {
		return
	}
	for name, v := range m.Attributes {
		elements := len(v.longs) + len(v.doubles) + len(v.texts) + len(v.tensors) + len(v.shapes)
		if elements > lim.List || (v.Kind == Scalar && elements > 1) || (v.Kind == TensorKind && len(v.tensors) != 1) {
			t.Fatalf("%q is %s of %d elements", name, v, elements)
		}
		for _, tensor := range v.tensors {
			if tensor.check(lim.List) != nil {
				t.Fatalf("%q has a tensor of dimensions %v and %d values", name, tensor.Dims, len(tensor.Doubles))
			}
		}
		_ = v.String()
		for _, get := range []func(string) error{
			func(n string) error { _, err := m.Long(n); return err },
			func(n string) error { _, err := m.Text(n); return err },
			func(n string) error { _, err := m.Shape(n); return err },
			func(n string) error { _, err := m.Tensors(n); return err },
			func(n string) error { _, err := m.Vector(n); return err },
			func(n string) error { _, _, _, err := m.Matrix(n); return err },
		} {
			_ = get(name)
		}
	}
}

func FuzzTreeJSON(f *testing.F) {
	for _, seed := range seeds(f, "json", "tree") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := small()
		var tree, slow Tree
		s := jsonscan.New(data)
		err := tree.readNodes(lim, func(n *TreeNode) error { return tree.nodeJSON(n, s, lim) })
		s = jsonscan.New(data)
		slowErr := slow.readNodes(lim, func(n *TreeNode) error { return slow.nodeWithoutFastPath(n, s, lim) })
		checkTree(t, &tree, err)
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("the fast path returned %v, the general reader %v", err, slowErr)
		}
		if err == nil && (!slices.Equal(tree.Nodes, slow.Nodes) || !sameBits(tree.Values, slow.Values)) {
			t.Fatal("the fast path read another tree than the general reader")
		}
		clusters := jsonscan.New(data)
		_, _ = readClusters(lim, func() (ClusterNode, int, error) { return clusterJSON(clusters, lim) })
	})
}

func (t *Tree) nodeWithoutFastPath(n *TreeNode, s *jsonscan.Scanner, lim Limits) error {
	if s.Peek() == 0 {
		return errTruncatedTree
	}
	return t.generalNodeJSON(n, s, lim)
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func FuzzTreeProto(f *testing.F) {
	for _, seed := range seeds(f, "protobuf", "tree") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := small()
		var tree Tree
		err := tree.parseProto(data, lim)
		checkTree(t, &tree, err)
		rest := data
		_, _ = readClusters(lim, func() (node ClusterNode, children int, err error) {
			var record []byte
			if record, rest, err = nextRecord(rest); err != nil {
				return node, 0, err
			}
			return clusterProto(record, lim)
		})
	})
}

// checkTree walks an accepted tree: every split has two children, every leaf its values.
func checkTree(t *testing.T, tree *Tree, err error) {
	t.Helper()
	if err != nil {
		return
	}
	reached := 0
	var walk func(at int32, depth int)
	walk = func(at int32, depth int) {
		reached++
		n := tree.Nodes[at]
		switch {
		case depth > tree.Depth:
			t.Fatalf("node %d is at depth %d of %d", at, depth, tree.Depth)
		case n.Feature < 0 || n.NumCategories > 0:
			limit := len(tree.Values)
			if n.Feature >= 0 {
				limit = len(tree.Categories)
			}
			if n.Lo < 0 || n.Hi < n.Lo || int(n.Hi) > limit {
				t.Fatalf("node %d has values %d to %d of %d", at, n.Lo, n.Hi, limit)
			}
		}
		if n.Feature >= 0 {
			walk(at+1, depth+1)
			walk(n.Right, depth+1)
		}
	}
	walk(0, 0)
	if reached != len(tree.Nodes) {
		t.Fatalf("%d nodes are reached of %d", reached, len(tree.Nodes))
	}
}
