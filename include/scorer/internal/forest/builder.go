package forest

import (
	"fmt"
	"math"

	"leapline/scorer/bundle"
)

// Builder collects trees. Each is laid out when it is added, while the processor has it at hand; of a node 4 bytes are
// kept, for conditions and leaves that repeat are kept once. They have the builder's own numbers until Build joins them
// with other builders'.
type Builder struct {
	Depth int // of the deepest tree

	features    int
	width       int // values a leaf
	trees       []treeRoot
	nodes       nodes
	conditions  interner // a continuous split's feature and threshold, or setMark and a categorical split's set
	splitCounts []int    // splits by each condition
	sets        sets
	leaves      interner // of leaves: their values
	nodeCount   int      // nodes of all trees
	layout      layout
}

// treeRoot is where a tree starts among the nodes, and its depth.
type treeRoot struct {
	at    uint32
	depth int
}

const categoricalMark = math.MaxUint64 // in the place of a feature

// NewBuilder starts a forest over rows of so many features, whose leaves hold width values.
func NewBuilder(features, width int) *Builder {
	return &Builder{
		features: features, width: width, conditions: newInterner(2), sets: newSets(), leaves: newInterner(width),
	}
}

// Expect makes room for more trees like those that were added, and a little to spare; what comes may still be more.
func (b *Builder) Reserve(trees int) {
	const most = 2 << 20 // nodes: what a file only claims must not take memory without end
	more := trees * b.nodes.count() / max(1, len(b.trees))
	b.nodes.grow(min(more+more/16, most))
}

// Nodes counts the nodes of the trees that were added.
func (b *Builder) Nodes() int { return b.nodeCount }

// Add appends a tree.
func (b *Builder) Add(t *bundle.Tree) error {
	l := &b.layout
	l.shapes = l.shapes[:0]
	for i := range t.Nodes {
		n := &t.Nodes[i]
		switch {
		case n.Feature < 0:
			values := t.Values[n.Lo:n.Hi]
			if len(values) != b.width {
				return fmt.Errorf("node %d is a leaf of %d values, expected %d", i, len(values), b.width)
			}
			l.shapes = append(l.shapes, shape{number: b.leaves.add(asBits(values))})
			continue
		case int(n.Feature) >= b.features:
			return fmt.Errorf("node %d splits on feature %d of %d", i, n.Feature, b.features)
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
