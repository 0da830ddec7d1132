package benchmarks

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dmitryikh/leaves"

	"leapline/scorer/bundle"
	"leapline/scorer/internal/forest"
)

// scored is the number of trees that BenchmarkForest evaluates per row.
const scored = 100

// array is a tree in pre-order as a slice of nodes of 24 bytes. A leaf has feature -1 and its value as threshold.
type array []arrayNode

type arrayNode struct {
	threshold      float64
	feature, right int32
}

func (t array) value(x []float64) float64 {
	at := int32(0)
	for t[at].feature >= 0 {
		if x[t[at].feature] <= t[at].threshold {
			at++
		} else {
			at = t[at].right
		}
	}
	return t[at].threshold
}

// pointer is a tree of nodes on the heap.
type pointer struct {
	threshold   float64
	feature     int32
	left, right *pointer
}

func (t *pointer) value(x []float64) float64 {
	for t.left != nil {
		if x[t.feature] <= t.threshold {
			t = t.left
		} else {
			t = t.right
		}
	}
	return t.threshold
}

func (t array) pointers(at int32) *pointer {
	n := &pointer{threshold: t[at].threshold, feature: t[at].feature}
	if n.feature >= 0 {
		n.left, n.right = t.pointers(at+1), t.pointers(t[at].right)
	}
	return n
}

// lightGBM returns the tree in LightGBM's text format, which the library leaves reads.
func (t array) lightGBM(number int) string {
	var features, thresholds, decisions, left, right, values []string
	var add func(at int32) int
	add = func(at int32) int {
		if t[at].feature < 0 {
			values = append(values, fmt.Sprint(t[at].threshold))
			return -len(values)
		}
		k := len(features)
		features, thresholds = append(features, fmt.Sprint(t[at].feature)), append(thresholds, fmt.Sprint(t[at].threshold))
		decisions, left, right = append(decisions, "0"), append(left, ""), append(right, "")
		left[k] = fmt.Sprint(add(at + 1))
		right[k] = fmt.Sprint(add(t[at].right))
		return k
	}
	add(0)
	list := func(key string, values []string) string { return key + "=" + strings.Join(values, " ") + "\n" }
	return fmt.Sprintf("Tree=%d\nnum_leaves=%d\nnum_cat=0\n", number, len(values)) +
		list("split_feature", features) + list("threshold", thresholds) + list("decision_type", decisions) +
		list("left_child", left) + list("right_child", right) + list("leaf_value", values) + "\n"
}

// variants returns the same regression trees, whose values are the shares of class 1, in each representation.
func variants(b *testing.B) (arrays []array, compiled *forest.Forest, library *leaves.Ensemble) {
	archive, err := bundle.Read("model.zip", largeBundle(), bundle.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	builder := forest.NewBuilder(numFeatures, 1)
	var text strings.Builder
	fmt.Fprintf(&text, "tree\nversion=v3\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=%d\nobjective=regression\n", numFeatures-1)
	var trees []string
	err = readTrees(archive, func(t *bundle.Tree) {
		if len(arrays) == scored {
			return
		}
		tree := make(array, len(t.Nodes))
		values := make([]float64, 0, len(t.Nodes))
		for i := range t.Nodes {
			n := &t.Nodes[i]
			tree[i] = arrayNode{n.Threshold, n.Feature, n.Right}
			if n.Feature < 0 {
				leaf := t.Values[n.Lo:n.Hi]
				values = append(values, leaf[1]/(leaf[0]+leaf[1]))
				tree[i].threshold = values[len(values)-1]
				n.Lo, n.Hi = int32(len(values)-1), int32(len(values))
			}
		}
		t.Values = values
		if err := builder.Add(t); err != nil {
			b.Fatal(err)
		}
		trees = append(trees, tree.lightGBM(len(arrays)))
		arrays = append(arrays, tree)
	})
	if err != nil {
		b.Fatal(err)
	}
	if compiled, err = forest.Build(nil, builder); err != nil {
		b.Fatal(err)
	}
	sizes := make([]string, len(trees))
	for i, tree := range trees {
		sizes[i] = fmt.Sprint(len(tree))
	}
	fmt.Fprintf(&text, "tree_sizes=%s\n\n%s\n", strings.Join(sizes, " "), strings.Join(trees, "\n"))
	library, err = leaves.LGEnsembleFromReader(bufio.NewReader(strings.NewReader(text.String())), false)
	if err != nil {
		b.Fatal(err)
	}
	return arrays, compiled, library
}

// BenchmarkForest sums the trees for one row.
func BenchmarkForest(b *testing.B) {
	arrays, compiled, library := variants(b)
	pointers := make([]*pointer, len(arrays))
	for i, tree := range arrays {
		pointers[i] = tree.pointers(0)
	}
	scratch := compiled.NewScratch()
	sums := map[string]func(x []float64) float64{
		"scorer": func(x []float64) (sum float64) {
			compiled.EvaluateConditions(x, scratch)
			for g := range compiled.Groups() {
				for _, leaf := range compiled.WalkGroup(g, scratch) {
					sum += compiled.Values[leaf]
				}
			}
			return sum
		},
		"array": func(x []float64) (sum float64) {
			for _, tree := range arrays {
				sum += tree.value(x)
			}
			return sum
		},
		"pointer": func(x []float64) (sum float64) {
			for _, tree := range pointers {
				sum += tree.value(x)
			}
			return sum
		},
		"leaves": func(x []float64) float64 { return library.PredictSingle(x, 0) },
	}
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([][]float64, 1000)
	for i := range rows {
		rows[i] = make([]float64, numFeatures)
		for k := range rows[i] {
			rows[i][k] = r.NormFloat64()
		}
	}
	for name, sum := range sums {
		for _, x := range rows {
			if got, want := sum(x), sums["array"](x); math.Abs(got-want) > 1e-9 {
				b.Fatalf("%s: sum %v, expected %v", name, got, want)
			}
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				sum(rows[i%len(rows)])
				i++
			}
		})
	}
}
