//go:build !amd64

package bitslice

// kernels are the operations on vectors; there are none for this architecture.
type kernels struct {
	order   [32]uint8
	choose  func(slots *byte, selections *selection, n int)
	gather  func(slots *byte, bits *uint16, n int, codes *[Rows]uint16)
	compare func(out *byte, keys *[Rows]int64, thresholds *int64, n int)
}

var best = None

var kernelsOf [1]kernels

func sumPairs(*[GroupTrees][Rows]uint16, *[GroupTrees]*uint16, *float64, *float64, int) {
	panic("bitslice: no kernels")
}
func sumValues(*[GroupTrees][Rows]uint16, *[GroupTrees]*uint16, *float64, *float64, int) {
	panic("bitslice: no kernels")
}
