package benchmarks

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"leapline/scorer/internal/bitslice"
	"leapline/scorer/internal/cputime"
	"leapline/scorer/internal/forest"
)

// BenchmarkBlock sums the trees for blocks of rows with each set of vector instructions. The metrics are processor time, and
// relative to one row after another ("x-scalar"), which takes turns with the block.
func BenchmarkBlock(b *testing.B) {
	_, compiled, _ := variants(b)
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([][]float64, forest.BlockRows)
	for i := range rows {
		rows[i] = make([]float64, numFeatures)
		for k := range rows[i] {
			rows[i][k] = r.NormFloat64()
		}
	}
	scratch := compiled.NewScratch()
	want, sums := make([]float64, len(rows)), make([]float64, len(rows))
	scalar := func() {
		for i, x := range rows {
			want[i] = 0
			compiled.EvaluateConditions(x, scratch)
			for g := range compiled.Groups() {
				for _, leaf := range compiled.WalkGroup(g, scratch) {
					want[i] += compiled.Values[leaf]
				}
			}
		}
	}
	defer bitslice.Select(bitslice.Selected())
	for level := bitslice.AVX2; level <= bitslice.Best(); level++ {
		b.Run(level.String(), func(b *testing.B) {
			bitslice.Select(level)
			if compiled.MinRows() > len(rows) {
				b.Fatal("blocks of this forest are not faster")
			}
			block := compiled.NewBlock()
			var scalarTime, blockTime time.Duration
			for b.Loop() {
				scalarTime += cputime.Of(scalar)
				blockTime += cputime.Of(func() { block.Sum(rows, sums) })
			}
			if !slices.EqualFunc(sums, want, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }) {
				b.Fatal("the sums differ from those of single rows")
			}
			perRow := func(d time.Duration) float64 { return float64(d) / float64(b.N*len(rows)) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(perRow(scalarTime), "scalar-ns/row")
			b.ReportMetric(perRow(blockTime), "ns/row")
			b.ReportMetric(float64(scalarTime)/float64(blockTime), "x-scalar")
		})
	}
}
