package forest

import (
	"fmt"
	"slices"

	"leapline/scorer/bundle"
)

// set is the condition of a categorical split.
type set struct {
	feature    int32
	listed     bool      // whether the listed categories go right, or all others
	categories []float64 // ascending
}

func setOf(n *bundle.TreeNode, categories []float64) set {
	s := set{feature: n.Feature, listed: !n.IsLeft, categories: slices.Clone(categories[n.Lo:n.Hi])}
	slices.Sort(s.categories)
	return s
}

// sets assigns numbers to sets; equal sets have the same number.
type sets struct {
	all   []set
	index map[string]uint32
}

func newSets() sets { return sets{index: map[string]uint32{}} }

// add returns the number of a set.
func (s *sets) add(one set) uint32 {
	key := fmt.Sprint(one.feature, one.listed, one.categories)
	at, ok := s.index[key]
	if !ok {
		at = uint32(len(s.all))
		s.index[key] = at
		s.all = append(s.all, one)
	}
	return at
}
