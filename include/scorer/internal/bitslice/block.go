package bitslice

import "unsafe"

// slotBytes is the size of a vector with one bit per row.
const slotBytes = Rows / 8

// Block is the working memory of one goroutine for a block of rows.
type Block struct {
	Keys [Rows]int64 // for Compare: the values of the rows, at the positions of Order

	codes  [GroupTrees][Rows]uint16
	slots  []byte // vectors of the program's slots
	kernel *kernels
}

// NewBlock returns working memory for a program with the instructions of a level, which must not exceed Best().
func (p *Program) NewBlock(level Level) *Block {
	bytes := make([]byte, (p.slots+1)*slotBytes)
	offset := -uintptr(unsafe.Pointer(unsafe.SliceData(bytes))) % slotBytes // vectors are aligned to cache lines
	return &Block{slots: bytes[offset:][:p.slots*slotBytes], kernel: &kernelsOf[level]}
}

// Order returns the position of each row of a group of 32 rows in Keys.
func (b *Block) Order() *[32]uint8 { return &b.kernel.order }

// Compare sets the conditions from number first on: whether a row's key is greater than the threshold.
func (b *Block) Compare(first int, thresholds []int64) {
	if len(thresholds) > 0 {
		b.kernel.compare(&b.slots[first*slotBytes], &b.Keys, &thresholds[0], len(thresholds))
	}
}

// SetCondition sets 64 rows of a condition: bit i belongs to row 64 * word + i.
func (b *Block) SetCondition(number, word int, bits uint64) {
	*(*uint64)(unsafe.Pointer(&b.slots[number*slotBytes+8*word])) = bits
}

// evaluate computes the codes of the trees of a group.
func (g *group) evaluate(b *Block) {
	if n := len(g.selections); n > 0 {
		b.kernel.choose(&b.slots[0], &g.selections[0], n)
	}
	for k, bits := range g.codes[:g.trees] {
		if len(bits) > 0 {
			b.kernel.gather(&b.slots[0], &bits[0], len(bits), &b.codes[k])
		} else {
			clear(b.codes[k][:])
		}
	}
}
