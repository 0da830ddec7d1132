package bitslice

import (
	"cmp"
	"slices"
)

// compiler computes the selections of a group of trees. A value is the number of a condition or, after these, of a result.
type compiler struct {
	conditions int
	results    []result
	slots      int
}

// result is a selection between values.
type result struct {
	condition, left, right int
	level                  int // length of the longest chain of selections up to this one
	slot                   int // slot of the result, when it is scheduled
}

// subtree is a tree's nodes with the heights of their subtrees.
type subtree struct {
	nodes   []Node
	heights []int
}

// measure computes the heights of the nodes, whose children follow their parents. It reports whether the tree is within the
// limits.
func measure(nodes []Node) (t subtree, ok bool) {
	t = subtree{nodes: nodes, heights: make([]int, len(nodes))}
	for i := len(nodes) - 1; i >= 0; i-- {
		n := &nodes[i]
		if n.Left == 0 {
			if n.Number > maxLeaf {
				return t, false
			}
			continue
		}
		t.heights[i] = 1 + max(t.heights[n.Left], t.heights[n.Right])
	}
	return t, t.heights[0] <= MaxHeight
}

// code appends the selections of a subtree and returns the bits of its code, lowest first.
func (c *compiler) code(t *subtree, at int) []int {
	n := &t.nodes[at]
	if n.Left == 0 {
		return nil
	}
	left, right := c.code(t, n.Left), c.code(t, n.Right)
	bits := make([]int, 0, t.heights[at])
	for i := range max(len(left), len(right)) {
		switch {
		case i >= len(left):
			bits = append(bits, right[i])
		case i >= len(right), left[i] == right[i]:
			bits = append(bits, left[i])
		default:
			bits = append(bits, c.choose(n.Number, left[i], right[i]))
		}
	}
	return append(bits, n.Number)
}

func (c *compiler) choose(condition, left, right int) int {
	c.results = append(c.results, result{condition, left, right, 1 + max(c.level(left), c.level(right)), 0})
	return c.conditions + len(c.results) - 1
}

// level returns the level of a value, 0 for a condition.
func (c *compiler) level(value int) int {
	if value < c.conditions {
		return 0
	}
	return c.results[value-c.conditions].level
}

// schedule returns the selections in the order of their levels. A selection that reads the result of the one before has to
// wait until the processor has stored it, which takes as long as several selections.
func (c *compiler) schedule() []selection {
	order := make([]int, len(c.results))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(c.results[i].level, c.results[j].level) })
	list := make([]selection, 0, len(order)+1)
	c.slots = c.conditions
	var free []int
	for _, i := range order {
		r := &c.results[i]
		s := selection{condition: c.slot(r.condition), right: c.slot(r.right), left: c.slot(r.left)}
		for _, operand := range []int{r.left, r.right} { // each result is used once
			if operand >= c.conditions {
				free = append(free, c.results[operand-c.conditions].slot)
			}
		}
		if len(free) > 0 {
			r.slot, free = free[0], free[1:]
		} else {
			r.slot = c.slots
			c.slots++
		}
		s.out = uint16(r.slot * slotUnit)
		list = append(list, s)
	}
	if len(list)%2 == 1 { // kernels perform two at a time
		list = append(list, selection{out: uint16(c.slots * slotUnit)})
		c.slots++
	}
	return list
}

// slot returns the slot of a value, in the unit of selections.
func (c *compiler) slot(value int) uint16 {
	if value >= c.conditions {
		value = c.results[value-c.conditions].slot
	}
	return uint16(value * slotUnit) // does not fit above maxSlots, but then the program is not used
}

// tabulate sets the leaves of all codes of a subtree. There are more codes than the subtree has if its sibling is taller.
func (t *subtree) tabulate(at int, leaves []uint16) {
	n := &t.nodes[at]
	if n.Left == 0 {
		for i := range leaves {
			leaves[i] = uint16(n.Number)
		}
		return
	}
	// The outcome of the root is the highest bit of the subtree's code; above it, codes are repeated.
	size := 1 << t.heights[at]
	t.tabulate(n.Left, leaves[:size/2])
	t.tabulate(n.Right, leaves[size/2:size])
	for i := size; i < len(leaves); i += size {
		copy(leaves[i:], leaves[:size])
	}
}
