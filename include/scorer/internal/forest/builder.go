package forest

import (
	"fmt"
	"math"
	"slices"

	"leapline/scorer/bundle"
)

// Builder collects trees, keeping of each node only 8 bytes: conditions and leaves that repeat are kept once.
type Builder struct {
	Depth int // of the deepest tree

	features int
	width    int // values a leaf
	trees    []treeShape
	nodes    []shape
	tests    interner // of continuous splits: feature, threshold
	sets     sets     // of categorical splits
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

// Nodes counts the nodes of the trees that were added.
func (b *Builder) Nodes() int { return len(b.nodes) }

// Add appends a tree.
func (b *Builder) Add(t *bundle.Tree) error {
	b.Depth = max(b.Depth, t.Depth)
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
			b.nodes = append(b.nodes, shape{what: b.sets.add(setOf(n, t.Cats)) | setFlag, right: uint32(n.Right)})
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

// uses counts the splits by each test, then by each set.
func (b *Builder) uses() []int {
	tests := b.tests.len()
	uses := make([]int, tests+len(b.sets.all))
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
