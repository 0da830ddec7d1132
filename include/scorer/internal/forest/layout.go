package forest

import (
	"math"
	"slices"
)

// layout arranges the nodes of a tree so that a walk touches few cache lines. Siblings are adjacent, and eight pairs of
// siblings that lead to one another, about three levels of the tree, share a cache line of 64 bytes. (Breadth-first order
// takes twice as long.) A layout is used for one tree after another and reuses its memory.
type layout struct {
	shapes   []shape  // the tree's nodes in pre-order
	position []uint32 // position of each node, relative to the root
	placed   []uint32 // nodes as pairs of numbers, see nodes
	blocks   []uint32 // splits whose children start a cache line
	size     uint32   // number of placed nodes, including gaps before cache lines
	farthest uint32   // largest distance from a node to its children
}

// shape is a node in pre-order: the left child of a split is the next node.
type shape struct {
	number uint32 // the number of a split's condition or of a leaf
	right  uint32 // right child of a split, 0 for a leaf
}

const linePairs = 8

// place computes placed from shapes.
func (l *layout) place() {
	most := 4*len(l.shapes) + 4*linePairs // the gap before a cache line is at most as large as its content
	l.position = slices.Grow(l.position[:0], len(l.shapes))[:len(l.shapes)]
	l.placed = slices.Grow(l.placed[:0], most)[:most]
	l.size, l.farthest = 0, 0
	l.append(0)
	l.align(2) // the root has no sibling
	l.blocks = l.blocks[:0]
	if l.shapes[0].right != 0 {
		l.blocks = append(l.blocks, 0)
	}
	room := linePairs - 1
	for k := 0; k < len(l.blocks); k++ {
		l.queue(l.blocks[k], room)
		room = linePairs
	}
	l.align(2 * linePairs)
	l.placed = l.placed[:2*l.size]
}

// packCacheLine places the children of a split and of the splits nearest below it in one cache line, up to room pairs. The
// loop has no branch that depends on which nodes are splits.
func (l *layout) queue(top uint32, room int) {
	var queue [2*linePairs + 2]uint32
	queue[0] = top
	taken, n := 0, 1
	for ; taken < min(n, room); taken++ {
		left, right := queue[taken]+1, l.shapes[queue[taken]].right
		queue[n] = left
		n += splits(l.shapes[left])
		queue[n] = right
		n += splits(l.shapes[right])
	}
	if l.size%(2*linePairs)+uint32(2*taken) > 2*linePairs {
		l.align(2 * linePairs)
	}
	for _, at := range queue[:taken] {
		here := l.position[at]
		l.placed[2*here+1] = l.size - here
		l.farthest = max(l.farthest, l.size-here)
		l.append(at + 1)
		l.append(l.shapes[at].right)
	}
	l.blocks = append(l.blocks, queue[taken:n]...)
}

// append places a node. The distance of a split to its children is set when these are placed.
func (l *layout) append(at uint32) {
	l.position[at] = l.size
	l.placed[2*l.size], l.placed[2*l.size+1] = l.shapes[at].number, 0
	l.size++
}

// align advances to the next multiple of a number of nodes.
func (l *layout) align(multiple uint32) {
	next := (l.size + multiple - 1) / multiple * multiple
	clear(l.placed[2*l.size : 2*next])
	l.size = next
}

// splits returns 1 for a split and 0 for a leaf.
func splits(s shape) int {
	if s.right != 0 {
		return 1
	}
	return 0
}

// nodes is a list of nodes as pairs of numbers: a split's condition and the distance to its left child, or a leaf's number
// and 0. The numbers have 16 bits each if that is sufficient.
type nodes struct {
	narrow []uint16
	wide   []uint32 // if not nil, used instead of narrow
}

// count returns the number of nodes.
func (n *nodes) count() int { return (len(n.narrow) + len(n.wide)) / 2 }

// at returns a node's number and the distance to its left child.
func (n *nodes) at(i uint32) (number, distance uint32) {
	if n.wide == nil {
		return uint32(n.narrow[2*i]), uint32(n.narrow[2*i+1])
	}
	return n.wide[2*i], n.wide[2*i+1]
}

// grow reserves memory for more nodes.
func (n *nodes) grow(more int) {
	if n.wide == nil {
		n.narrow = slices.Grow(n.narrow, 2*more)
	} else {
		n.wide = slices.Grow(n.wide, 2*more)
	}
}

// add appends nodes whose numbers are at most largest.
func (n *nodes) add(placed []uint32, largest int) {
	n.widenFor(largest)
	n.grow(len(placed) / 2)
	if n.wide != nil {
		n.wide = append(n.wide, placed...)
		return
	}
	end := len(n.narrow)
	n.narrow = n.narrow[:end+len(placed)]
	for i, number := range placed {
		n.narrow[end+i] = uint16(number)
	}
}

// widenFor converts the nodes to 32 bits if numbers up to largest require it.
func (n *nodes) widenFor(largest int) {
	if largest <= math.MaxUint16 || n.wide != nil {
		return
	}
	n.wide = make([]uint32, len(n.narrow), max(1, cap(n.narrow)))
	for i, number := range n.narrow {
		n.wide[i] = uint32(number)
	}
	n.narrow = nil
}

// renumber replaces the numbers of conditions and leaves by the given ones, first of the conditions, then of the leaves.
func (n *nodes) renumber(numbers []uint32, conditions int) {
	if n.wide == nil {
		renumber(n.narrow, numbers, conditions)
	} else {
		renumber(n.wide, numbers, conditions)
	}
}

func renumber[T uint16 | uint32](pairs []T, numbers []uint32, conditions int) {
	for i := 0; i+1 < len(pairs); i += 2 {
		at := int(pairs[i])
		if pairs[i+1] == 0 {
			at += conditions
		}
		pairs[i] = T(numbers[at])
	}
}
