package forest

import "unsafe"

// WalkGroup returns the leaf number of each tree in group g, for the row of the last EvaluateConditions.
func (f *Forest) WalkGroup(g int, s *Scratch) []uint32 {
	group := &f.groups[g]
	if nodes := group.nodes; nodes.wide == nil {
		walk(nodes.narrow, s.table, group, &s.leaf)
	} else {
		walk(nodes.wide, s.table, group, &s.leaf)
	}
	base := uint32(f.conditions)
	for i := range s.leaf {
		s.leaf[i] -= base
	}
	return s.leaf[:group.trees]
}

// stride is the number of steps between checks whether all trees have reached a leaf, since deep trees have few deep leaves.
const stride = 8

// walk finds the leaves of eight trees. It omits bounds checks: Build guarantees that every distance leads to a node and
// every condition to a byte of the table.
func walk[T uint16 | uint32](nodes []T, table []byte, g *group, leaf *[Lanes]uint32) {
	size := 2 * unsafe.Sizeof(T(0))
	n, t := unsafe.Pointer(unsafe.SliceData(nodes)), unsafe.Pointer(unsafe.SliceData(table))
	a0, a1, a2, a3 := uintptr(g.roots[0])*size, uintptr(g.roots[1])*size, uintptr(g.roots[2])*size, uintptr(g.roots[3])*size
	a4, a5, a6, a7 := uintptr(g.roots[4])*size, uintptr(g.roots[5])*size, uintptr(g.roots[6])*size, uintptr(g.roots[7])*size
	for left := g.depth; left > 0; left -= stride {
		for range min(left, stride) {
			a0 = step[T](n, t, a0)
			a1 = step[T](n, t, a1)
			a2 = step[T](n, t, a2)
			a3 = step[T](n, t, a3)
			a4 = step[T](n, t, a4)
			a5 = step[T](n, t, a5)
			a6 = step[T](n, t, a6)
			a7 = step[T](n, t, a7)
		}
		if left > stride && distance[T](n, a0)|distance[T](n, a1)|distance[T](n, a2)|distance[T](n, a3)|
			distance[T](n, a4)|distance[T](n, a5)|distance[T](n, a6)|distance[T](n, a7) == 0 {
			break
		}
	}
	*leaf = [Lanes]uint32{
		number[T](n, a0), number[T](n, a1), number[T](n, a2), number[T](n, a3),
		number[T](n, a4), number[T](n, a5), number[T](n, a6), number[T](n, a7),
	}
}

func number[T uint16 | uint32](n unsafe.Pointer, at uintptr) uint32 {
	return uint32(*(*T)(unsafe.Add(n, at)))
}

func distance[T uint16 | uint32](n unsafe.Pointer, at uintptr) T {
	return *(*T)(unsafe.Add(n, at+unsafe.Sizeof(T(0))))
}

func step[T uint16 | uint32](n, table unsafe.Pointer, at uintptr) uintptr {
	right := *(*uint8)(unsafe.Add(table, uintptr(number[T](n, at))))
	return at + 2*unsafe.Sizeof(T(0))*(uintptr(distance[T](n, at))+uintptr(right))
}
