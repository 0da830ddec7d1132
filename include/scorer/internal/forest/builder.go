package forest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"leapline/scorer/bundle"
)

// Builder collects trees, keeping of each node only 8 bytes: conditions and leaves that repeat are kept once.
type Builder struct {
	features int
	width    int // values a leaf
	trees    []treeShape
	nodes    []shape
	tests    interner // of continuous splits: feature, threshold
	sets     []set    // of categorical splits
	setIndex map[string]uint32
	leaves   interner // of leaves: their values
}

// treeShape is a tree's place among the nodes.
type treeShape struct {
	first, depth int
}

// shape is a node in pre-order: the left child of a split follows it.
type shape struct {
	what  uint32 // a split's test or, with setFlag, its set; a leaf's number
	right uint32 // position of a split's right child, from the tree's first node; 0 for a leaf
}

const setFlag = 1 << 31

// set is the condition of a categorical split: right when the category is listed, or when it is not.
type set struct {
	feature    int32
	listed     bool
	categories []float64 // ascending
}

// NewBuilder starts a forest over rows of so many features, whose leaves hold width values.
func NewBuilder(features, width int) *Builder {
	return &Builder{
		features: features, width: width, setIndex: map[string]uint32{},
		tests: newInterner(2), leaves: newInterner(width),
	}
}

// Expect makes room for trees like one that was just added; what comes may still be more.
func (b *Builder) Expect(trees int) {
	const most = 2 << 20 // nodes: what a file only claims must not take memory without end
	b.nodes = slices.Grow(b.nodes, min(trees*len(b.nodes)/max(1, len(b.trees)), most))
}

// Add appends a tree.
func (b *Builder) Add(t *bundle.Tree) error {
	b.trees = append(b.trees, treeShape{first: len(b.nodes), depth: t.Depth})
	for i := range t.Nodes {
		n := &t.Nodes[i]
		switch {
		case n.Feature < 0:
			values := t.Values[n.Lo:n.Hi]
			if len(values) != b.width {
				return fmt.Errorf("node %d is a leaf of %d values, expected %d", i, len(values), b.width)
			}
			b.nodes = append(b.nodes, shape{what: b.addLeaf(asBits(values))})
			continue
		case int(n.Feature) >= b.features:
			return fmt.Errorf("node %d splits on feature %d of %d", i, n.Feature, b.features)
		case n.Categories > 0:
			b.nodes = append(b.nodes, shape{what: b.addSet(n, t.Cats[n.Lo:n.Hi]) | setFlag, right: uint32(n.Right)})
			continue
		}
		what := b.tests.addPair(uint64(n.Feature), math.Float64bits(n.Threshold+0)) // -0 + 0 is 0
		b.nodes = append(b.nodes, shape{what: what, right: uint32(n.Right)})
	}
	return nil
}

func (b *Builder) addLeaf(row []uint64) uint32 {
	if b.width == 2 {
		return b.leaves.addPair(row[0], row[1])
	}
	return b.leaves.add(row)
}

func (b *Builder) addSet(n *bundle.TreeNode, categories []float64) uint32 {
	s := set{feature: n.Feature, listed: !n.IsLeft, categories: slices.Clone(categories)}
	slices.Sort(s.categories)
	key := fmt.Sprint(s.feature, s.listed, s.categories)
	at, known := b.setIndex[key]
	if !known {
		at = uint32(len(b.sets))
		b.setIndex[key] = at
		b.sets = append(b.sets, s)
	}
	return at
}

// Build compiles the trees.
func (b *Builder) Build() (*Forest, error) {
	if len(b.trees) == 0 {
		return nil, errors.New("has no trees")
	}
	f := &Forest{trees: len(b.trees), Width: b.width, Values: floatsOf(b.leaves.rows)}
	conditions := b.conditions(f)
	f.zeros = len(b.leaves.rows) / b.width
	layout := newLayout(b)
	if f.conditions+f.zeros <= math.MaxUint16 && layout.farthest <= math.MaxUint16 {
		f.narrow = emit[uint16](b, layout, conditions, f.conditions)
	} else {
		f.wide = emit[uint32](b, layout, conditions, f.conditions)
	}
	f.group(layout, b.trees)
	return f, nil
}

// conditions numbers the conditions: for each feature its thresholds ascending, in a run that starts at a multiple of 8,
// then the sets. It gives the numbers of the builder's tests, then of its sets.
func (b *Builder) conditions(f *Forest) []uint32 {
	tests := len(b.tests.rows) / 2
	order := make([]uint32, tests)
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(i, j uint32) int {
		x, y := b.test(i), b.test(j)
		if x.feature != y.feature {
			return x.feature - y.feature
		}
		if x.threshold < y.threshold {
			return -1
		}
		return 1
	})
	number := make([]uint32, tests+len(b.sets))
	uses := b.uses()
	for _, i := range order {
		t := b.test(i)
		last := len(f.runs) - 1
		if last < 0 || f.runs[last].feature != t.feature {
			f.conditions = (f.conditions + 7) &^ 7
			f.runs = append(f.runs, run{feature: t.feature, first: f.conditions})
			last++
		}
		f.runs[last].keys = append(f.runs[last].keys, key(t.threshold))
		f.runs[last].uses += uses[i]
		number[i] = uint32(f.conditions)
		f.conditions++
	}
	f.conditions = (f.conditions + 7) &^ 7
	f.addSets(b.sets, uses[tests:], number[tests:])
	return number
}

// uses counts the splits by each of the builder's tests, then by each of its sets.
func (b *Builder) uses() []int {
	tests := len(b.tests.rows) / 2
	uses := make([]int, tests+len(b.sets))
	for _, n := range b.nodes {
		switch {
		case n.right == 0:
		case n.what&setFlag != 0:
			uses[tests+int(n.what&^setFlag)]++
		default:
			uses[n.what]++
		}
	}
	return uses
}

type test struct {
	feature   int
	threshold float64
}

func (b *Builder) test(i uint32) test {
	row := b.tests.rows[2*i : 2*i+2]
	return test{int(row[0]), math.Float64frombits(row[1])}
}
