// Package forest evaluates many decision trees on one row.
package forest

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"leapline/scorer/bundle"
)

type node struct {
	child   uint32 // left; the right one follows
	feature uint16
	rank    uint16
}

// Forest finds, for a row, the leaf that each tree leads to.
type Forest struct {
	nodes      []node
	roots      []uint32
	thresholds [][]float64
	trees      []bundle.Tree
	leaves     int
}

// Builder collects trees.
type Builder struct {
	forest   Forest
	features int
}

// NewBuilder starts a forest over rows of so many features.
func NewBuilder(features int) *Builder { return &Builder{features: features} }

// Add appends a tree. Leaves are numbered over all trees in the order in which their files hold them.
func (b *Builder) Add(t *bundle.Tree) error {
	for i, n := range t.Nodes {
		if int(n.Feature) >= b.features {
			return fmt.Errorf("node %d splits on feature %d of %d", i, n.Feature, b.features)
		}
	}
	b.forest.trees = append(b.forest.trees, bundle.Tree{Nodes: slices.Clone(t.Nodes), Cats: slices.Clone(t.Cats)})
	return nil
}

// Build compiles the trees.
func (b *Builder) Build() (*Forest, error) {
	if len(b.forest.trees) == 0 {
		return nil, errors.New("has no trees")
	}
	return &b.forest, nil
}

// Scratch is one goroutine's memory.
type Scratch struct{ leaf []uint32 }

// NewScratch makes it.
func (f *Forest) NewScratch() *Scratch { return &Scratch{make([]uint32, len(f.trees))} }

// Leaves gives the leaf of each tree, in order.
func (f *Forest) Leaves(x []float64, s *Scratch) []uint32 {
	base := uint32(0)
	for k := range f.trees {
		t := &f.trees[k]
		i := int32(0)
		for t.Nodes[i].Feature >= 0 {
			n := &t.Nodes[i]
			left := x[n.Feature] <= n.Threshold
			if n.Categories > 0 {
				left = slices.Contains(t.Cats[n.Lo:n.Hi], x[n.Feature]) == n.IsLeft
			}
			if left {
				i++
			} else {
				i = n.Right
			}
		}
		before, all := uint32(0), uint32(0)
		for j := range t.Nodes {
			if t.Nodes[j].Feature < 0 {
				if int32(j) < i {
					before++
				}
				all++
			}
		}
		s.leaf[k] = base + before
		base += all
	}
	return s.leaf
}

var _ = math.NaN
