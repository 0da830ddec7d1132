package forest

import (
	"fmt"
	"math"

	"leapline/scorer/bundle"
)

// Builder collects trees. A tree is laid out when it is added, while it is in the processor's cache. A node takes 4 bytes,
// because repeated conditions and leaves are stored once. Their numbers are local to the builder until Build merges
// several builders.
type Builder struct {
	Depth int // depth of the deepest tree

	features    int
	width       int // number of values per leaf
	trees       []treeRoot
	nodes       nodes
	conditions  interner // feature and threshold of a continuous split, or categoricalMark and the set of a categorical one
	splitCounts []int    // splits by each condition
	sets        sets
	leaves      interner // values of leaves
	nodeCount   int      // nodes of all trees
	layout      layout
}

// treeRoot is the position of a tree's root among the nodes, and the tree's depth.
type treeRoot struct {
	at    uint32
	depth int
}

const categoricalMark = math.MaxUint64 // marks a categorical condition, instead of a feature

// NewBuilder returns a builder for trees over a number of features, with width values per leaf.
func NewBuilder(features, width int) *Builder {
	return &Builder{
		features: features, width: width, conditions: newInterner(2), sets: newSets(), leaves: newInterner(width),
	}
}

// Reserve allocates memory for more trees of about the size of those added so far.
func (b *Builder) Reserve(trees int) {
	const limit = 2 << 20 // nodes, because the number of trees is only claimed by the file
	more := trees * b.nodes.count() / max(1, len(b.trees))
	b.nodes.grow(min(more+more/16, limit))
}

// Nodes returns the number of nodes of all trees.
func (b *Builder) Nodes() int { return b.nodeCount }

// Add adds a tree. It fails if a leaf has another width or a split tests a feature out of range.
func (b *Builder) Add(t *bundle.Tree) error {
	l := &b.layout
	l.shapes = l.shapes[:0]
	for i := range t.Nodes {
		n := &t.Nodes[i]
		switch {
		case n.Feature < 0:
			values := t.Values[n.Lo:n.Hi]
			if len(values) != b.width {
				return fmt.Errorf("node %d: leaf has %d values, expected %d", i, len(values), b.width)
			}
			l.shapes = append(l.shapes, shape{number: b.leaves.add(asBits(values))})
			continue
		case int(n.Feature) >= b.features:
			return fmt.Errorf("node %d: split on feature %d, expected a feature below %d", i, n.Feature, b.features)
		}
		l.shapes = append(l.shapes, shape{number: b.addCondition(n, t.Categories), right: uint32(n.Right)})
	}
	b.Depth = max(b.Depth, t.Depth)
	b.nodeCount += len(t.Nodes)
	b.trees = append(b.trees, treeRoot{at: uint32(b.nodes.count()), depth: t.Depth})
	l.place()
	b.nodes.add(l.placed, max(b.conditions.len(), b.leaves.len(), int(l.farthest)))
	return nil
}

func (b *Builder) addCondition(n *bundle.TreeNode, categories []float64) uint32 {
	var number uint32
	if n.NumCategories > 0 {
		number = b.conditions.addPair(categoricalMark, uint64(b.sets.add(setOf(n, categories))))
	} else {
		number = b.conditions.addPair(uint64(n.Feature), math.Float64bits(n.Threshold+0)) // -0 + 0 is 0
	}
	if int(number) == len(b.splitCounts) {
		b.splitCounts = append(b.splitCounts, 0)
	}
	b.splitCounts[number]++
	return number
}
