package forest

import "leapline/scorer/bundle"

// layout places a tree's nodes so that a walk touches few cache lines: children lie side by side, and eight such pairs
// that lead to one another, some three levels of a tree, fill one line of 64 bytes. (In order of breadth alone the same
// walk took twice as long.)
type layout struct {
	position []uint32 // of each node of the tree
	size     uint32   // where the next node would stand

	blocks, line []uint32 // parents of pairs: of those that start a line, and of those in the line
}

const linePairs = 8

// aligned gives the next start of a line.
func aligned(at uint32) uint32 { return (at + 2*linePairs - 1) &^ (2*linePairs - 1) }

// place gives the nodes their positions, from a line's start on.
func (l *layout) place(nodes []bundle.TreeNode, start uint32) {
	if cap(l.position) < len(nodes) {
		l.position = make([]uint32, 2*len(nodes))
	}
	l.position = l.position[:len(nodes)]
	l.position[0], l.size = start, start+2 // the root has no sibling
	if nodes[0].Feature < 0 {
		return
	}
	l.blocks = append(l.blocks[:0], 0)
	room := linePairs - 1
	for next := 0; next < len(l.blocks); next++ {
		l.line = append(l.line[:0], l.blocks[next])
		taken := 0
		for ; taken < len(l.line) && taken < room; taken++ {
			at := l.line[taken]
			for _, child := range [2]uint32{at + 1, uint32(nodes[at].Right)} {
				if nodes[child].Feature >= 0 {
					l.line = append(l.line, child)
				}
			}
		}
		l.pairs(nodes, l.line[:taken])
		l.blocks = append(l.blocks, l.line[taken:]...)
		room = linePairs
	}
}

// pairs puts the children of each parent side by side, all in one line.
func (l *layout) pairs(nodes []bundle.TreeNode, parents []uint32) {
	if l.size%(2*linePairs)+uint32(2*len(parents)) > 2*linePairs {
		l.size = aligned(l.size)
	}
	for _, at := range parents {
		l.position[at+1], l.position[nodes[at].Right] = l.size, l.size+1
		l.size += 2
	}
}
