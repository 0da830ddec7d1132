package forest

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"leapline/scorer/bundle"
)

// treeGenerator generates random trees.
type treeGenerator struct {
	*rand.Rand
	features       int
	thresholds     []float64
	width          int
	distinctLeaves int // number of distinct leaves, 0 for all different
	balanced       bool
	nextValue      float64
}

// grow appends a subtree with a number of leaves to t. In a chain every left child is a leaf.
func (m *treeGenerator) grow(t *bundle.Tree, leaves, depth int, chain bool) {
	at := len(t.Nodes)
	t.Depth = max(t.Depth, depth)
	if leaves <= 1 {
		t.Nodes = append(t.Nodes, bundle.TreeNode{Feature: -1, Lo: int32(len(t.Values)), Hi: int32(len(t.Values) + m.width)})
		for range m.width {
			m.nextValue++
			value := m.nextValue
			if m.distinctLeaves > 0 {
				value = float64(m.IntN(m.distinctLeaves))
			}
			t.Values = append(t.Values, value)
		}
		return
	}
	n := bundle.TreeNode{Feature: int32(m.IntN(m.features)), Threshold: m.thresholds[m.IntN(len(m.thresholds))]}
	if n.Feature == 0 { // feature 0 is categorical
		n.Threshold, n.NumCategories, n.IsLeft, n.Lo = 0, 5, m.IntN(2) == 0, int32(len(t.Categories))
		for c := range 5 {
			if m.IntN(2) == 0 {
				t.Categories = append(t.Categories, float64(c))
			}
		}
		n.Hi = int32(len(t.Categories))
	}
	t.Nodes = append(t.Nodes, n)
	left := 1 + m.IntN(leaves-1)
	switch {
	case chain:
		left = 1
	case m.balanced:
		left = max(1, leaves*3/8+m.IntN(leaves/4+1))
	}
	m.grow(t, left, depth+1, chain)
	t.Nodes[at].Right = int32(len(t.Nodes))
	m.grow(t, leaves-left, depth+1, chain)
}

// row returns values at, next to and far from thresholds, NaN, infinities and zeros of both signs.
func (m *treeGenerator) row() []float64 {
	x := make([]float64, m.features)
	for i := range x {
		switch t := m.thresholds[m.IntN(len(m.thresholds))]; m.IntN(8) {
		case 0:
			x[i] = math.NaN()
		case 1:
			x[i] = math.Inf(1 - 2*m.IntN(2))
		case 2:
			x[i] = math.Copysign(0, float64(m.IntN(2))-0.5)
		case 3:
			x[i] = t
		case 4:
			x[i] = math.Nextafter(t, math.Inf(1-2*m.IntN(2)))
		default:
			x[i] = m.NormFloat64() * 3
		}
	}
	if m.IntN(4) > 0 {
		x[0] = float64(m.IntN(8) - 1)
	}
	return x
}

// referenceWalk evaluates a tree by its definition.
func referenceWalk(t *bundle.Tree, x []float64) []float64 {
	i := int32(0)
	for t.Nodes[i].Feature >= 0 {
		n := &t.Nodes[i]
		left := x[n.Feature] <= n.Threshold
		if n.NumCategories > 0 {
			left = slices.Contains(t.Categories[n.Lo:n.Hi], x[n.Feature]) == n.IsLeft
		}
		if left {
			i++
		} else {
			i = n.Right
		}
	}
	return t.Values[t.Nodes[i].Lo:t.Nodes[i].Hi]
}

// build compiles trees in at most the given number of parts.
func build(t testing.TB, trees []bundle.Tree, features, width, parts int) *Forest {
	t.Helper()
	var builders []*Builder
	for part := range slices.Chunk(trees, (len(trees)-1)/parts+1) {
		b := NewBuilder(features, width)
		for i := range part {
			if err := b.Add(&part[i]); err != nil {
				t.Fatal(err)
			}
		}
		builders = append(builders, b)
	}
	f, err := Build(nil, builders...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestForestEqualsReferenceWalk(t *testing.T) {
	cases := map[string]struct {
		trees, features, thresholds, leaves, kinds, width int
		chain, wide                                       bool
	}{
		"few thresholds":  {trees: 100, features: 6, thresholds: 31, leaves: 200, kinds: 40, width: 2},
		"many thresholds": {trees: 11, features: 3, thresholds: 5000, leaves: 700, width: 1},
		"single leaves":   {trees: 3, features: 2, thresholds: 2, leaves: 1, width: 3},
		"one tree":        {trees: 1, features: 4, thresholds: 9, leaves: 50, width: 1},
		"deep chains":     {trees: 9, features: 4, thresholds: 20, leaves: 120, width: 1, chain: true},
		"wide numbers":    {trees: 50, features: 9, thresholds: 300, leaves: 4000, width: 1, wide: true},
		"far children":    {trees: 1, features: 3, thresholds: 31, leaves: 400_000, kinds: 3, width: 2, wide: true},
		"only categories": {trees: 20, features: 1, thresholds: 1, leaves: 12, width: 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := &treeGenerator{Rand: rand.New(rand.NewPCG(5, 6)), features: c.features, width: c.width, distinctLeaves: c.kinds}
			for range c.thresholds {
				m.thresholds = append(m.thresholds, math.Round(m.NormFloat64()*1000)/1000)
			}
			m.thresholds[0] = math.Copysign(0, -1)
			trees := make([]bundle.Tree, c.trees)
			for i := range trees {
				m.grow(&trees[i], 1+m.IntN(c.leaves), 0, c.chain)
			}
			one := build(t, trees, c.features, c.width, 1)
			for _, parts := range []int{1, 2, 3} {
				f := build(t, trees, c.features, c.width, parts)
				if (f.parts[0].wide != nil) != c.wide || f.Trees() != c.trees || !maps.Equal(f.SplitCounts(), one.SplitCounts()) {
					t.Fatalf("%d trees, wide nodes %t, uses %v", f.Trees(), f.parts[0].wide != nil, f.SplitCounts())
				}
				if f.leaves != one.leaves || f.conditions != one.conditions {
					t.Fatalf("%d parts have %d conditions and %d leaves, one part has %d and %d",
						parts, f.conditions, f.leaves, one.conditions, one.leaves)
				}
				checkWalks(t, f, m, trees)
			}
		})
	}
}

// checkWalks compares the forest with its trees on random rows.
func checkWalks(t *testing.T, f *Forest, m *treeGenerator, trees []bundle.Tree) {
	t.Helper()
	s := f.NewScratch()
	for range 300 {
		x := m.row()
		f.EvaluateConditions(x, s)
		k := 0
		for g := range f.Groups() {
			for _, leaf := range f.WalkGroup(g, s) {
				got := f.Values[int(leaf)*f.Width:][:f.Width]
				if want := referenceWalk(&trees[k], x); !slices.Equal(got, want) {
					t.Fatalf("tree %d of %v: %v, expected %v", k, x, got, want)
				}
				k++
			}
		}
		if k != len(trees) {
			t.Fatalf("walked %d trees, expected %d", k, len(trees))
		}
	}
}

// TestLargeCategoriesNeedNoTable has categories so large that their conditions are not tabulated.
func TestLargeCategoriesNeedNoTable(t *testing.T) {
	leaf := func(at int32) bundle.TreeNode { return bundle.TreeNode{Feature: -1, Lo: at, Hi: at + 1} }
	tree := bundle.Tree{
		Nodes:  []bundle.TreeNode{{Feature: 0, Right: 2, Lo: 0, Hi: 2, NumCategories: 3 << 20, IsLeft: true}, leaf(0), leaf(1)},
		Values: []float64{1, 2}, Categories: []float64{3, 2 << 20}, Depth: 1,
	}
	f := build(t, []bundle.Tree{tree}, 1, 1, 1)
	if f.sets[0].bytes != nil {
		t.Fatal("the conditions are tabulated")
	}
	s := f.NewScratch()
	for x, want := range map[float64]float64{3: 1, 2 << 20: 1, 4: 2, 3.5: 2, math.Inf(1): 2} {
		f.EvaluateConditions([]float64{x}, s)
		if got := f.Values[f.WalkGroup(0, s)[0]]; got != want {
			t.Errorf("%v leads to %v, expected %v", x, got, want)
		}
	}
}

// TestMergesLeavesThatBecomeEqual checks that leaves of several parts share a number if their transformed values are equal.
func TestMergesLeavesThatBecomeEqual(t *testing.T) {
	var parts []*Builder
	for _, values := range [][]float64{{1, 1, 2, 6}, {5, 5, 3, 1}} {
		split := bundle.TreeNode{Feature: 0, Right: 2, Threshold: 0.5}
		tree := bundle.Tree{Nodes: []bundle.TreeNode{split, {Feature: -1, Hi: 2}, {Feature: -1, Lo: 2, Hi: 4}}, Values: values, Depth: 1}
		b := NewBuilder(1, 2)
		if err := b.Add(&tree); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b)
	}
	f, err := Build(func(leaf []float64) { leaf[0], leaf[1] = leaf[0]/(leaf[0]+leaf[1]), leaf[1]/(leaf[0]+leaf[1]) }, parts...)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{0.5, 0.5, 0.25, 0.75, 0.75, 0.25}; !slices.Equal(f.Values, want) {
		t.Fatalf("leaves of %v, expected %v", f.Values, want)
	}
	s := f.NewScratch()
	for x, want := range map[float64][]uint32{0: {0, 0}, 1: {1, 2}} {
		f.EvaluateConditions([]float64{x}, s)
		var got []uint32
		for g := range f.Groups() {
			got = append(got, f.WalkGroup(g, s)...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v leads to the leaves %v, expected %v", x, got, want)
		}
	}
}

func TestBuilderRejectsInvalidTrees(t *testing.T) {
	split := bundle.TreeNode{Feature: 2, Right: 2}
	leaf := bundle.TreeNode{Feature: -1, Hi: 1}
	b := NewBuilder(2, 1)
	err := b.Add(&bundle.Tree{Nodes: []bundle.TreeNode{split, leaf, leaf}, Values: []float64{1}})
	if err == nil || !strings.Contains(err.Error(), "split on feature 2, expected a feature below 2") {
		t.Errorf("a feature out of range: %v", err)
	}
	b = NewBuilder(2, 3)
	err = b.Add(&bundle.Tree{Nodes: []bundle.TreeNode{leaf}, Values: []float64{1}})
	if err == nil || !strings.Contains(err.Error(), "leaf has 1 values, expected 3") {
		t.Errorf("a short leaf: %v", err)
	}
	if _, err := Build(nil, NewBuilder(2, 1)); err == nil {
		t.Error("Build accepted a forest without trees")
	}
}

func BenchmarkForest(b *testing.B) {
	m := &treeGenerator{Rand: rand.New(rand.NewPCG(5, 6)), features: 6, width: 2, distinctLeaves: 40}
	for range 31 {
		m.thresholds = append(m.thresholds, m.NormFloat64())
	}
	trees := make([]bundle.Tree, 100)
	for i := range trees {
		m.grow(&trees[i], 200, 0, false)
	}
	f := build(b, trees, 6, 2, 1)
	rows := make([][]float64, 200)
	for i := range rows {
		rows[i] = m.row()
	}
	s := f.NewScratch()
	i := 0
	for b.Loop() {
		f.EvaluateConditions(rows[i%len(rows)], s)
		for g := range f.Groups() {
			f.WalkGroup(g, s)
		}
		i++
	}
}
