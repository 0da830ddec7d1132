package forest

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"unsafe"
)

// interner assigns numbers to rows of words; equal rows have the same number. It is an open-addressing hash table.
type interner struct {
	seed  uint64 // random, so that a file cannot contain rows that collide
	width int
	rows  []uint64
	table []uint32 // number + 1
}

func newInterner(width int) interner {
	return interner{seed: rand.Uint64(), width: width, table: make([]uint32, 64)}
}

func (n *interner) row(i uint32) []uint64 { return n.rows[int(i)*n.width : (int(i)+1)*n.width] }

func (n *interner) len() int { return len(n.rows) / n.width }

// join adds the rows of all parts to first, which may be the first part itself, and returns the numbers of each part's rows.
func join(first interner, parts []interner) (all interner, numbers [][]uint32) {
	numbers = make([][]uint32, len(parts))
	for k := range parts {
		part := &parts[k]
		numbers[k] = make([]uint32, part.len())
		for i := range numbers[k] {
			numbers[k][i] = first.add(part.row(uint32(i)))
		}
	}
	return first, numbers
}

// add returns the number of a row.
func (n *interner) add(row []uint64) uint32 {
	if len(row) == 2 {
		return n.addPair(row[0], row[1])
	}
	at := n.find(row)
	if n.table[at] != 0 {
		return n.table[at] - 1
	}
	return n.insert(at, row)
}

// addPair is add for rows of two words, the most frequent case.
func (n *interner) addPair(a, b uint64) uint32 {
	mask := len(n.table) - 1
	at := int(scramble(mix(mix(n.seed, a), b))) & mask
	for ; n.table[at] != 0; at = (at + 1) & mask {
		number := n.table[at] - 1
		if row := n.rows[2*number:]; row[0] == a && row[1] == b {
			return number
		}
	}
	return n.insert(at, []uint64{a, b})
}

// insert adds a row at a free slot.
func (n *interner) insert(at int, row []uint64) uint32 {
	number := uint32(n.len())
	n.rows = append(n.rows, row...)
	n.table[at] = number + 1
	if int(number)*2 > len(n.table) {
		n.grow()
	}
	return number
}

// find returns the slot that contains the row, or the free slot for it.
func (n *interner) find(row []uint64) int {
	mask := len(n.table) - 1
	at := int(hash(n.seed, row)) & mask
	for n.table[at] != 0 && !slices.Equal(n.row(n.table[at]-1), row) {
		at = (at + 1) & mask
	}
	return at
}

func (n *interner) grow() {
	n.table = make([]uint32, 4*len(n.table))
	for i := range uint32(n.len()) {
		n.table[n.find(n.row(i))] = i + 1
	}
}

func hash(h uint64, row []uint64) uint64 {
	for _, x := range row {
		h = mix(h, x)
	}
	return scramble(h)
}

func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, 0xd6e8feb86659fd93)
	return hi ^ lo
}

func scramble(h uint64) uint64 { return h ^ h>>29 }

// asBits returns the bits of doubles, without copying.
func asBits(values []float64) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
}

// floatsOf returns doubles from their bits, without copying.
func floatsOf(words []uint64) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}
