package forest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/internal/bitslice"
)

// levels returns the sets of vector instructions of this machine.
func levels(t testing.TB) (list []bitslice.Level) {
	for l := bitslice.AVX2; l <= bitslice.Best(); l++ {
		list = append(list, l)
	}
	if list == nil {
		t.Skip("SKIPPED: this machine has no vector instructions")
	}
	return list
}

// blockCase describes random forests for tests of blocks.
type blockCase struct {
	trees, features, thresholds, leaves, kinds, width int
	chain, deep                                       bool
}

func (c blockCase) forest(t testing.TB, seed uint64) (*Forest, *treeGenerator) {
	m := &treeGenerator{Rand: rand.New(rand.NewPCG(seed, 6)), features: c.features, width: c.width, distinctLeaves: c.kinds, balanced: !c.deep}
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64}
	for i := range c.thresholds {
		if i%9 == 8 {
			m.thresholds = append(m.thresholds, special[m.IntN(len(special))])
		} else {
			m.thresholds = append(m.thresholds, m.NormFloat64())
		}
	}
	trees := make([]bundle.Tree, c.trees)
	for i := range trees {
		m.grow(&trees[i], c.leaves/2+1+m.IntN(c.leaves), 0, c.chain)
		for k := range trees[i].Values { // so that the order of additions matters
			trees[i].Values[k] *= 0.1 + m.Float64()*1e-3
		}
	}
	return build(t, trees, c.features, c.width, 1+int(seed%3)), m
}

// sumRow adds the values of the leaves of a row one tree after the other.
func sumRow(f *Forest, s *Scratch, x []float64) (sums, leaves []float64) {
	sums = make([]float64, f.Width)
	f.EvaluateConditions(x, s)
	for g := range f.Groups() {
		for _, leaf := range f.WalkGroup(g, s) {
			values := f.Values[int(leaf)*f.Width:][:f.Width]
			leaves = append(leaves, values[0])
			for i, value := range values {
				sums[i] += value
			}
		}
	}
	return sums, leaves
}

// checkBlock compares a block with its rows one by one, to the last bit.
func checkBlock(t *testing.T, f *Forest, b *Block, xs [][]float64) {
	t.Helper()
	sums, leaves := make([]float64, len(xs)*f.Width), make([]float64, len(xs)*f.Trees())
	for i := range sums { // left over from another block
		sums[i] = 1
	}
	b.Sum(xs, sums)
	if f.Width == 1 {
		b.Leaves(xs, func(tree int, values []float64) {
			for n, value := range values {
				leaves[n*f.Trees()+tree] = value
			}
		})
	}
	s := f.NewScratch()
	for n, x := range xs {
		wantSums, wantLeaves := sumRow(f, s, x)
		if got := sums[n*f.Width:][:f.Width]; !slices.Equal(asBits(got), asBits(wantSums)) {
			t.Fatalf("row %d of %d, %v: sums %v, expected %v", n, len(xs), x, got, wantSums)
		}
		if got := leaves[n*f.Trees():][:f.Trees()]; f.Width == 1 && !slices.Equal(asBits(got), asBits(wantLeaves)) {
			t.Fatalf("row %d of %d, %v: leaves %v, expected %v", n, len(xs), x, got, wantLeaves)
		}
	}
}

func TestBlocksEqualRows(t *testing.T) {
	cases := map[string]blockCase{
		"two classes":      {trees: 30, features: 6, thresholds: 31, leaves: 200, kinds: 40, width: 2},
		"three classes":    {trees: 9, features: 5, thresholds: 31, leaves: 60, width: 3},
		"many thresholds":  {trees: 11, features: 3, thresholds: 900, leaves: 150, width: 1},
		"single leaves":    {trees: 6, features: 2, thresholds: 2, leaves: 1, width: 2},
		"one tree":         {trees: 1, features: 4, thresholds: 9, leaves: 50, width: 1},
		"uneven":           {trees: 9, features: 4, thresholds: 20, leaves: 40, width: 2, deep: true},
		"chains":           {trees: 9, features: 4, thresholds: 20, leaves: 9, width: 1, chain: true},
		"only categories":  {trees: 20, features: 1, thresholds: 1, leaves: 12, width: 2},
		"many leaves":      {trees: 5, features: 9, thresholds: 100, leaves: 900, width: 1},
		"repeated outcome": {trees: 40, features: 2, thresholds: 1, leaves: 8, kinds: 2, width: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			checked := 0
			for seed := range uint64(6) {
				f, m := c.forest(t, seed)
				f.MinRows()
				if f.sliced.program == nil {
					continue // a tree happens to be too deep
				}
				for _, level := range levels(t) {
					b := f.newBlock(level)
					for _, rows := range []int{BlockRows, 0, 1, 31, 33, 64, 65, 511} { // the first fills the block for the others
						xs := make([][]float64, rows)
						for i := range xs {
							xs[i] = m.row()
						}
						checkBlock(t, f, b, xs)
						checked++
					}
				}
			}
			if checked == 0 {
				t.Fatal("no forest was compiled for blocks")
			}
		})
	}
}

// FuzzBlock compares blocks of rows with special values, and a few values that the fuzzer chooses.
func FuzzBlock(f *testing.F) {
	f.Add(uint64(1), uint64(5), 0.5, math.Inf(1))
	f.Add(uint64(2), uint64(9), math.NaN(), math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, seed, shape uint64, x, y float64) {
		c := blockCase{
			trees: 1 + int(shape%13), features: 1 + int(shape>>8%5), thresholds: 1 + int(shape>>16%40),
			leaves: 1 + int(shape>>24%60), width: 1 + int(shape>>32%3), kinds: int(shape >> 40 % 9),
		}
		forest, m := c.forest(t, seed)
		if forest.MinRows(); forest.sliced.program == nil {
			return
		}
		xs := make([][]float64, 1+seed%BlockRows)
		for i := range xs {
			xs[i] = m.row()
			xs[i][i%c.features] = []float64{x, y}[i%2]
		}
		for _, level := range levels(t) {
			checkBlock(t, forest, forest.newBlock(level), xs)
		}
	})
}

// TestNotANumberThresholds has a threshold that no reader of bundles accepts: blocks treat it like single rows even so.
func TestNotANumberThresholds(t *testing.T) {
	tree := bundle.Tree{
		Nodes:  []bundle.TreeNode{{Feature: 0, Right: 2, Threshold: math.NaN()}, {Feature: -1, Hi: 1}, {Feature: -1, Lo: 1, Hi: 2}},
		Values: []float64{1, 2}, Depth: 1,
	}
	f := build(t, []bundle.Tree{tree}, 1, 1, 1)
	f.MinRows()
	for _, level := range levels(t) {
		checkBlock(t, f, f.newBlock(level), [][]float64{{1}, {math.NaN()}, {math.Inf(1)}})
	}
}

// TestManyCategories has a set of more categories than are computed from the rows of each, and one that is not tabulated.
func TestManyCategories(t *testing.T) {
	for _, largest := range []float64{5, 70, 2 << 20} {
		tree := bundle.Tree{
			Nodes: []bundle.TreeNode{
				{Feature: 0, Right: 2, Hi: 2, NumCategories: 3 << 20, IsLeft: true}, {Feature: -1, Hi: 1}, {Feature: -1, Lo: 1, Hi: 2},
			},
			Values: []float64{1, 2}, Categories: []float64{3, largest}, Depth: 1,
		}
		f := build(t, []bundle.Tree{tree}, 1, 1, 1)
		f.MinRows()
		var xs [][]float64
		for i := range 200 {
			xs = append(xs, []float64{[]float64{3, largest, 4, -1, math.NaN(), 3.5, math.Inf(1)}[i*i%7]})
		}
		for _, level := range levels(t) {
			checkBlock(t, f, f.newBlock(level), xs)
		}
	}
}

// TestUnsuitableForestsHaveNoBlocks checks that forests beyond the limits, or slower in blocks, are evaluated row by row.
func TestUnsuitableForestsHaveNoBlocks(t *testing.T) {
	levels(t)
	cases := map[string]blockCase{
		"deep trees":      {trees: 4, features: 4, thresholds: 20, leaves: 60, width: 1, chain: true},
		"many conditions": {trees: 3, features: 9, thresholds: 4000, leaves: 5000, width: 1},
		"single leaves":   {trees: 3, features: 2, thresholds: 2, leaves: 1, width: 2},
	}
	for name, c := range cases {
		if f, _ := c.forest(t, 2); f.MinRows() <= BlockRows {
			t.Errorf("%s: blocks from %d rows on", name, f.MinRows())
		}
	}
	f, _ := blockCase{trees: 100, features: 6, thresholds: 31, leaves: 90, width: 2}.forest(t, 1)
	if f.MinRows() > BlockRows/2 {
		t.Errorf("an ordinary forest: blocks from %d rows on", f.MinRows())
	}
}

func BenchmarkBlock(b *testing.B) {
	f, m := blockCase{trees: 100, features: 6, thresholds: 31, leaves: 90, kinds: 40, width: 2}.forest(b, 1)
	xs := make([][]float64, BlockRows)
	for i := range xs {
		xs[i] = m.row()
	}
	perRow := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed())/float64(b.N*BlockRows), "ns/row") }
	f.MinRows()
	b.Run("none", func(b *testing.B) {
		s := f.NewScratch()
		for b.Loop() {
			for _, x := range xs {
				sumRow(f, s, x)
			}
		}
		perRow(b)
	})
	sums := make([]float64, BlockRows*2)
	for _, level := range levels(b) {
		b.Run(fmt.Sprint(level), func(b *testing.B) {
			block := f.newBlock(level)
			for b.Loop() {
				block.Sum(xs, sums)
			}
			perRow(b)
		})
	}
}
