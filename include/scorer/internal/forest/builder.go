package forest

import (
	"fmt"
	"math"
	"slices"

	"leapline/scorer/bundle"
)

// Builder collects trees, keeping of each node only 8 bytes, already in its place: conditions and leaves that repeat are
// kept once.
type Builder struct {
	Nodes int // of the trees that were added
	Depth int // of the deepest

	features int
	width    int // values a leaf
	trees    []treeShape
	nodes    []shape  // with gaps, that trees and pairs of nodes may start at a line
	farthest uint32   // from a node to its children
	tests    interner // of continuous splits: feature, threshold
	sets     sets     // of categorical splits
	leaves   interner // of leaves: their values
	layout   layout
}

// treeShape is a tree's place among the nodes.
type treeShape struct {
	root  uint32
	depth int
}

// shape is a node.
type shape struct {
	what uint32 // a split's test or, with setFlag, its set; a leaf's number
	left uint32 // how far a split's left child is, which the right one follows; 0 for a leaf
}

const setFlag = 1 << 31

// NewBuilder starts a forest over rows of so many features, whose leaves hold width values.
func NewBuilder(features, width int) *Builder {
	return &Builder{
		features: features, width: width, tests: newInterner(2), sets: newSets(), leaves: newInterner(width),
	}
}

// Expect makes room for more trees like those that were added; what comes may still be more.
func (b *Builder) Expect(trees int) {
	const most = 2 << 20 // nodes: what a file only claims must not take memory without end
	b.nodes = slices.Grow(b.nodes, min(trees*len(b.nodes)/max(1, len(b.trees)), most))
}

// Add appends a tree.
func (b *Builder) Add(t *bundle.Tree) error {
	start := aligned(uint32(len(b.nodes)))
	b.layout.place(t.Nodes, start)
	b.nodes = append(b.nodes, make([]shape, int(b.layout.size)-len(b.nodes))...)
	b.trees = append(b.trees, treeShape{start, t.Depth})
	b.Nodes, b.Depth = b.Nodes+len(t.Nodes), max(b.Depth, t.Depth)
	position := b.layout.position
	for i := range t.Nodes {
		n := &t.Nodes[i]
		is := &b.nodes[position[i]]
		switch {
		case n.Feature < 0:
			values := t.Values[n.Lo:n.Hi]
			if len(values) != b.width {
				return fmt.Errorf("node %d is a leaf of %d values, expected %d", i, len(values), b.width)
			}
			is.what = b.addLeaf(asBits(values))
			continue
		case int(n.Feature) >= b.features:
			return fmt.Errorf("node %d splits on feature %d of %d", i, n.Feature, b.features)
		case n.Categories > 0:
			is.what = b.sets.add(setOf(n, t.Cats)) | setFlag
		default:
			is.what = b.tests.addPair(uint64(n.Feature), math.Float64bits(n.Threshold+0)) // -0 + 0 is 0
		}
		is.left = position[i+1] - position[i]
		b.farthest = max(b.farthest, is.left)
	}
	return nil
}

func (b *Builder) addLeaf(row []uint64) uint32 {
	if b.width == 2 {
		return b.leaves.addPair(row[0], row[1])
	}
	return b.leaves.add(row)
}

// uses counts the splits by each test, then by each set.
func (b *Builder) uses() []int {
	tests := b.tests.len()
	uses := make([]int, tests+len(b.sets.all))
	for _, n := range b.nodes {
		switch {
		case n.left == 0:
		case n.what&setFlag != 0:
			uses[tests+int(n.what&^setFlag)]++
		default:
			uses[n.what]++
		}
	}
	return uses
}
