package forest

import (
	"math"
	"slices"
	"sync"

	"leapline/scorer/internal/bitslice"
)

// BlockRows is the maximum number of rows of a block.
const BlockRows = bitslice.Rows

// sliced is the forest compiled for blocks of rows, when it is first needed.
type sliced struct {
	once    sync.Once
	program *bitslice.Program // nil if blocks are never faster
	keys    [][]int64         // thresholds of each run, see signedKey
	minRows int
}

// Block is the working memory of one goroutine for evaluating a block of rows.
type Block struct {
	*bitslice.Block
	forest *Forest
}

// MinRows returns the number of rows from which a block is faster than its rows one by one. It exceeds BlockRows if blocks
// are never faster: the processor has no vector instructions, or the forest is too deep or has too many conditions.
func (f *Forest) MinRows() int {
	if bitslice.Selected() == bitslice.None {
		return math.MaxInt
	}
	f.sliced.once.Do(f.slice)
	return f.sliced.minRows
}

// NewBlock returns working memory for blocks of rows, unless MinRows exceeds BlockRows.
func (f *Forest) NewBlock() *Block { return f.newBlock(bitslice.Selected()) }

func (f *Forest) newBlock(level bitslice.Level) *Block {
	f.sliced.once.Do(f.slice)
	return &Block{f.sliced.program.NewBlock(level), f}
}

// slice compiles the forest for blocks and sets minRows.
func (f *Forest) slice() {
	s := &f.sliced
	s.minRows = math.MaxInt
	program, ok := bitslice.New(f.conditions)
	if !ok {
		return
	}
	for i := range f.groups {
		g := &f.groups[i]
		if g.depth > bitslice.MaxHeight {
			return
		}
		for roots := range slices.Chunk(g.roots[:g.trees], bitslice.GroupTrees) {
			var trees [][]bitslice.Node
			for _, root := range roots {
				trees = append(trees, f.appendNodes(nil, g.nodes, root))
			}
			if !program.Add(trees...) {
				return
			}
		}
	}
	for i := range f.runs {
		keys := make([]int64, len(f.runs[i].thresholds))
		for k, threshold := range f.runs[i].thresholds {
			keys[k] = signedKey(threshold)
		}
		s.keys = append(s.keys, keys)
	}
	s.program, s.minRows = program, f.breakEven(program)
}

// breakEven estimates the number of rows from which a block is faster. The factors are nanoseconds, measured on one
// processor; only their ratios matter, see docs/decisions/0013-blocks-of-rows.md.
func (f *Forest) breakEven(p *bitslice.Program) int {
	conditions, sets, steps := 0, 0, 0
	for i := range f.runs {
		conditions += len(f.runs[i].thresholds)
	}
	few := 0 // pairs of sets and categories
	for i := range f.sets {
		if r := &f.sets[i]; r.bytes != nil && r.categories() <= fewCategories {
			few += len(r.sets) * r.categories()
		} else {
			sets += len(r.sets)
		}
	}
	for i := range f.groups {
		steps += Lanes * f.groups[i].depth
	}
	block := p.Selections() + 20*conditions + 60*f.trees                       // however many rows it has
	saved := 7*steps/10 + conditions/4 + 7*len(f.runs) - 3*f.trees/10 - sets/2 // by each row
	if saved <= 0 || block/saved >= BlockRows {
		return math.MaxInt
	}
	return block/saved + 1
}

// signedKey maps orderedBits to signed integers in the same order: vectors are compared as signed.
func signedKey(ordered uint64) int64 { return int64(ordered ^ 1<<63) }

// appendNodes appends the nodes of a tree in pre-order.
func (f *Forest) appendNodes(list []bitslice.Node, nodes *nodes, root uint32) []bitslice.Node {
	at := len(list)
	number, distance := nodes.at(root)
	if distance == 0 {
		return append(list, bitslice.Node{Number: int(number) - f.conditions})
	}
	list = append(list, bitslice.Node{Number: int(number), Left: at + 1})
	list = f.appendNodes(list, nodes, root+distance)
	list[at].Right = len(list)
	return f.appendNodes(list, nodes, root+distance+1)
}

// evaluateConditions computes the conditions of up to BlockRows rows.
func (b *Block) evaluateConditions(xs [][]float64) {
	f, order := b.forest, b.Order()
	for i := range f.runs {
		feature := f.runs[i].feature
		for n, x := range xs {
			b.Keys[n&^31|int(order[n&31])] = signedKey(orderedBits(x[feature]))
		}
		b.Compare(f.runs[i].first, f.sliced.keys[i])
	}
	for i := range f.sets {
		f.sets[i].fillBlock(xs, b)
	}
}

// fewCategories is the number of categories up to which conditions are computed from the rows of each category.
const fewCategories = 64

// fillBlock computes the conditions of a block of rows.
func (r *categoricalRun) fillBlock(xs [][]float64, b *Block) {
	if r.bytes == nil || r.categories() > fewCategories {
		r.fillByRows(xs, b)
		return
	}
	var rows [fewCategories][BlockRows / 64]uint64 // of each category, one bit per row
	for n, x := range xs {
		rows[r.category(x[r.feature])][n>>6] |= 1 << (n & 63)
	}
	for i := range r.sets {
		var right [BlockRows / 64]uint64
		for c := range r.categories() {
			mask := -uint64(r.bytes[c*len(r.sets)+i])
			for word := range right {
				right[word] |= rows[c][word] & mask
			}
		}
		for word, bits := range right {
			b.SetCondition(r.first+i, word, bits)
		}
	}
}

// fillByRows is fillBlock for any number of categories.
func (r *categoricalRun) fillByRows(xs [][]float64, b *Block) {
	outcomes, bits := make([]byte, len(r.sets)), make([]uint64, len(r.sets))
	for n, x := range xs {
		for i, outcome := range r.outcomes(outcomes, x[r.feature]) {
			bits[i] |= uint64(outcome) << (n & 63)
		}
		if n&63 == 63 || n == len(xs)-1 {
			for i := range bits {
				b.SetCondition(r.first+i, n>>6, bits[i])
			}
			clear(bits)
		}
	}
}

// Sum sets sums to the sums of the leaves' values in the order of the trees, Width for each of up to BlockRows rows.
func (b *Block) Sum(xs [][]float64, sums []float64) {
	b.evaluateConditions(xs)
	b.forest.sliced.program.Sum(b.Block, b.forest.Values, b.forest.Width, len(xs), sums)
}

// Leaves calls use for one tree after the other with the value of each row's leaf, for up to BlockRows rows and a forest of
// width 1.
func (b *Block) Leaves(xs [][]float64, use func(tree int, values []float64)) {
	b.evaluateConditions(xs)
	b.forest.sliced.program.Leaves(b.Block, b.forest.Values, len(xs), use)
}
