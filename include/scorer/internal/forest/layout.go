package forest

// layout places nodes so that a walk touches few cache lines: children lie side by side, and eight such pairs that lead
// to one another, some three levels of a tree, fill one line of 64 bytes. (In order of breadth alone the same walk took
// twice as long.)
type layout struct {
	start    uint32   // among the forest's nodes
	position []uint32 // of each of the builder's nodes, from start
	size     uint32
	farthest uint32 // from a node to its children
}

const linePairs = 8

// aligned gives the next start of a line.
func aligned(at uint32) uint32 { return (at + 2*linePairs - 1) &^ (2*linePairs - 1) }

func newLayout(b *Builder) *layout {
	l := &layout{position: make([]uint32, len(b.nodes))}
	var blocks, line []uint32 // left nodes of pairs: of those that start a line, and of those in the line
	for _, t := range b.trees {
		nodes := b.nodes[t.first:]
		position := l.position[t.first:]
		l.size = aligned(l.size)
		position[0] = l.size
		l.size += 2 // the root has no sibling
		if nodes[0].right == 0 {
			continue
		}
		blocks = append(blocks[:0], 0)
		for first := true; len(blocks) > 0; first = false {
			parent := blocks[0]
			blocks = blocks[1:]
			room := linePairs
			if first {
				room--
			}
			line = append(line[:0], parent)
			taken := 0
			for ; taken < len(line) && taken < room; taken++ {
				at := line[taken]
				for _, child := range [2]uint32{at + 1, nodes[at].right} {
					if nodes[child].right != 0 {
						line = append(line, child)
					}
				}
			}
			l.pairs(nodes, position, line[:taken])
			blocks = append(blocks, line[taken:]...)
		}
	}
	return l
}

// pairs puts the children of each parent side by side, all in one line.
func (l *layout) pairs(nodes []shape, position, parents []uint32) {
	if l.size%(2*linePairs)+uint32(2*len(parents)) > 2*linePairs {
		l.size = aligned(l.size)
	}
	for _, at := range parents {
		position[at+1], position[nodes[at].right] = l.size, l.size+1
		l.farthest = max(l.farthest, l.size-position[at])
		l.size += 2
	}
}

// place puts the layouts one behind another, each at the start of a line.
func place(layouts []*layout) (size int, farthest uint32) {
	for _, l := range layouts {
		l.start = uint32(size)
		size += int(aligned(l.size))
		farthest = max(farthest, l.farthest)
	}
	return size, farthest
}

// emit writes a part's nodes as pairs of numbers: a split's condition and the distance to its left child, or, at a
// distance of 0, the number of a leaf after all conditions.
func emit[T uint16 | uint32](out []T, b *Builder, l *layout, is *numbers) {
	out = out[2*l.start:]
	tests := uint32(b.tests.len())
	for i := range b.nodes {
		n, at := b.nodes[i], l.position[i]
		switch {
		case n.right == 0:
			out[2*at] = T(is.leaves[n.what])
			continue
		case n.what&setFlag != 0:
			out[2*at] = T(is.conditions[tests+n.what&^setFlag])
		default:
			out[2*at] = T(is.conditions[n.what])
		}
		out[2*at+1] = T(l.position[i+1] - at)
	}
}
