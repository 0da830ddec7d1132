package bitslice

// kernels are the operations on vectors with the instructions of one level.
type kernels struct {
	// order is the position of each of 32 rows in Block.Keys.
	order [32]uint8
	// choose performs n selections, which must be even.
	choose func(slots *byte, selections *selection, n int)
	// gather combines n vectors of bits, the lowest first, to one number for each row.
	gather func(slots *byte, bits *uint16, n int, codes *[Rows]uint16)
	// compare sets n consecutive vectors to whether each key is greater than the threshold.
	compare func(out *byte, keys *[Rows]int64, thresholds *int64, n int)
}

var kernelsOf = [...]kernels{
	AVX2:   {order: packedOrder(), choose: chooseAVX2, gather: gatherAVX2, compare: compareAVX2},
	AVX512: {order: naturalOrder(), choose: chooseAVX512, gather: gatherAVX512, compare: compareAVX512},
}

var best = detect()

// detect returns the highest level that the processor supports and for which the operating system saves the registers.
func detect() Level {
	const (
		osxsave    = 1 << 27 // ECX of leaf 1
		avx        = 1 << 28
		avx2       = 1 << 5 // EBX of leaf 7
		avx512     = 1<<16 | 1<<17 | 1<<30
		ymmState   = 0b110 // XCR0: XMM and upper halves of YMM
		zmmState   = 0b1110_0110
		leafNeeded = 7
	)
	if largest, _, _, _ := cpuid(0, 0); largest < leafNeeded {
		return None
	}
	if _, _, ecx, _ := cpuid(1, 0); ecx&(osxsave|avx) != osxsave|avx {
		return None
	}
	_, ebx, _, _ := cpuid(7, 0)
	state := xgetbv()
	switch {
	case ebx&avx2 == 0 || state&ymmState != ymmState:
		return None
	case ebx&avx512 != avx512 || state&zmmState != zmmState:
		return AVX2
	}
	return AVX512
}

func naturalOrder() (order [32]uint8) {
	for i := range order {
		order[i] = uint8(i)
	}
	return order
}

// packedOrder returns the order in which compareAVX2 expects keys, so that packing the results, which works on the halves of
// registers, brings them into the order of the rows.
func packedOrder() (order [32]uint8) {
	for i := range uint8(16) {
		order[i] = i/2*4 + i%2
		order[16+i] = i/2*4 + i%2 + 2
	}
	return order
}

//go:noescape
func chooseAVX2(slots *byte, selections *selection, n int)

//go:noescape
func chooseAVX512(slots *byte, selections *selection, n int)

//go:noescape
func gatherAVX2(slots *byte, bits *uint16, n int, codes *[Rows]uint16)

//go:noescape
func gatherAVX512(slots *byte, bits *uint16, n int, codes *[Rows]uint16)

//go:noescape
func compareAVX2(out *byte, keys *[Rows]int64, thresholds *int64, n int)

//go:noescape
func compareAVX512(out *byte, keys *[Rows]int64, thresholds *int64, n int)

func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

func xgetbv() (eax uint32)

//go:noescape
func sumPairs(codes *[GroupTrees][Rows]uint16, tables *[GroupTrees]*uint16, values, sums *float64, rows int)

//go:noescape
func sumValues(codes *[GroupTrees][Rows]uint16, tables *[GroupTrees]*uint16, values, sums *float64, rows int)
