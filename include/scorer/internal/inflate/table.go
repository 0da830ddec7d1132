package inflate

import (
	"math/bits"
	"sync"
)

// An entry of a table says what the next bits mean:
//
//	bits 0-3   how many bits its code has (in a link: beyond the first rootBits)
//	bits 4-7   how many extra bits follow the code (a link: how many bits choose within the subtable)
//	bits 8-11  flags
//	bits 16-31 the literal, the base of the length or distance, or where the subtable starts
const (
	lengthMask = 15
	extraShift = 4
	extraMask  = 15
	literal    = 1 << 8
	special    = 1 << 9 // no value: the end of the block, or no code at all
	endOfBlock = 1 << 10
	link       = 1 << 11
	valueShift = 16
)

const (
	rootBits = 10 // more would make the tables, which most entries need anew, slower to fill than they save
	maxBits  = 15
	// maxEntries is room for the worst code: each subtable serves two codes at least, of 288.
	maxEntries = 1<<rootBits + 144<<(maxBits-rootBits)
)

// table decodes one Huffman code: its first bits, as many as its longest code has but at most rootBits, index entries;
// longer codes go on in a subtable.
type table struct {
	mask    uint64
	entries [maxEntries]uint32
	code    canonicalCode
}

func (t *table) find(b uint64) uint32 {
	e := t.entries[b&t.mask&(1<<rootBits-1)]
	if e&link != 0 {
		e = t.entries[(uint64(e>>valueShift)+b>>rootBits&(1<<(maxBits-rootBits)-1))%maxEntries]
	}
	return e
}

// build fills the table for a canonical code of the given lengths; meaning gives each symbol's entry without its length.
func (t *table) build(lengths []uint8, meaning []uint32) error {
	code := &t.code
	if err := code.order(lengths); err != nil {
		return err
	}
	root := max(1, min(code.longest, rootBits))
	t.mask = 1<<root - 1
	switch {
	case code.longest <= 1: // not complete, perhaps: what no code reaches must be known as such
		t.entries[0], t.entries[1] = special|1, special|1
	case code.longest > rootBits:
		clear(t.entries[:1<<rootBits]) // no links of the code before
	}
	// What is there of the codes of fewer bits repeats with every further bit.
	for n := 1; n <= root; n++ {
		if code.longest > 1 {
			copy(t.entries[1<<(n-1):1<<n], t.entries[:1<<(n-1)])
		}
		for i, symbol := range code.ofLength(n) {
			t.entries[reversed(code.first[n]+i, n)] = meaning[symbol] | uint32(n)
		}
	}
	free := 1 << rootBits
	for n := rootBits + 1; n <= code.longest; n++ {
		for i, symbol := range code.ofLength(n) {
			at := reversed(code.first[n]+i, n)
			link := t.link(at&(1<<rootBits-1), &free)
			for j := at >> rootBits; j < 1<<(maxBits-rootBits); j += 1 << (n - rootBits) {
				t.entries[link+j] = meaning[symbol] | uint32(n)
			}
		}
	}
	return nil
}

// link gives where the subtable of a root entry starts, making it of what is free.
func (t *table) link(root int, free *int) int {
	if e := t.entries[root]; e&link != 0 {
		return int(e >> valueShift)
	}
	start := *free
	t.entries[root] = link | uint32(start)<<valueShift
	*free += 1 << (maxBits - rootBits)
	return start
}

// reversed gives the n bits of a code in the order in which a stream has them.
func reversed(code, n int) int { return int(bits.Reverse16(uint16(code)) >> (16 - n)) }

// canonicalCode is a code's symbols in order of their codes, which are numbers that follow one another in each length
// (RFC 1951, section 3.2.2).
type canonicalCode struct {
	longest int
	first   [maxBits + 1]int // the code of each length's first symbol
	start   [maxBits + 2]int // where each length's symbols start
	symbols [288]uint16
}

func (c *canonicalCode) ofLength(n int) []uint16 { return c.symbols[c.start[n]:c.start[n+1]] }

// order puts symbols in order. Like zlib it takes no code but a complete one, one of a single bit, or an empty one.
func (c *canonicalCode) order(lengths []uint8) error {
	var count, at [maxBits + 1]int
	for _, n := range lengths {
		count[n&maxBits]++
	}
	at[0] = len(lengths) - count[0] // symbols without a code stand last
	count[0], c.longest = 0, 0
	for n := 1; n <= maxBits; n++ {
		c.first[n] = (c.first[n-1] + count[n-1]) << 1
		c.start[n+1] = c.start[n] + count[n]
		at[n] = c.start[n]
		if count[n] > 0 {
			c.longest = n
		}
		if c.first[n]+count[n] > 1<<n {
			return ErrCorrupt
		}
	}
	if n := c.longest; n > 1 && c.first[n]+count[n] != 1<<n {
		return ErrCorrupt
	}
	for symbol, n := range lengths {
		c.symbols[at[n&maxBits]] = uint16(symbol)
		at[n&maxBits]++
	}
	return nil
}

// The meanings of RFC 1951, section 3.2.5.
var (
	literalMeaning  [288]uint32
	distanceMeaning [32]uint32
	codeMeaning     [19]uint32 // of the code that packs the lengths of the other two
	fixedLengths    [288]uint8
	fixedDistances  [32]uint8
)

func init() {
	for i := range 256 {
		literalMeaning[i] = literal | uint32(i)<<valueShift
	}
	literalMeaning[256] = special | endOfBlock
	base := uint32(3)
	for i := range 28 {
		extra := uint32(max(0, i/4-1))
		literalMeaning[257+i] = extra<<extraShift | base<<valueShift
		base += 1 << extra
	}
	literalMeaning[285] = 258 << valueShift
	literalMeaning[286], literalMeaning[287] = special, special
	base = 1
	for i := range 30 {
		extra := uint32(max(0, i/2-1))
		distanceMeaning[i] = extra<<extraShift | base<<valueShift
		base += 1 << extra
	}
	distanceMeaning[30], distanceMeaning[31] = special, special
	for i := range codeMeaning {
		codeMeaning[i] = uint32(i) << valueShift
	}
	for i := range fixedLengths {
		switch {
		case i < 144:
			fixedLengths[i] = 8
		case i < 256:
			fixedLengths[i] = 9
		case i < 280:
			fixedLengths[i] = 7
		default:
			fixedLengths[i] = 8
		}
	}
	for i := range fixedDistances {
		fixedDistances[i] = 5
	}
}

// fixedTables are those of blocks without codes of their own.
var fixedTables = sync.OnceValue(func() *[2]table {
	var t [2]table
	if t[0].build(fixedLengths[:], literalMeaning[:]) != nil || t[1].build(fixedDistances[:], distanceMeaning[:]) != nil {
		panic("inflate: the fixed codes are not complete")
	}
	return &t
})

var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicTables reads a block's own codes (RFC 1951, section 3.2.7).
func (d *Decoder) dynamicTables() error {
	literals, distances, codes := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if literals > 286 || distances > 30 {
		return ErrCorrupt
	}
	var small [19]uint8
	for i := range codes {
		d.fill()
		small[codeOrder[i]] = uint8(d.take(3))
	}
	if err := d.literals.build(small[:], codeMeaning[:]); err != nil {
		return err
	}
	var lengths [286 + 30]uint8
	if err := d.lengths(lengths[:literals+distances]); err != nil {
		return err
	}
	if err := d.literals.build(lengths[:literals], literalMeaning[:]); err != nil {
		return err
	}
	return d.distances.build(lengths[literals:literals+distances], distanceMeaning[:])
}

// lengths reads the lengths of both codes, packed by the code that is in d.literals.
func (d *Decoder) lengths(lengths []uint8) error {
	for i := 0; i < len(lengths); {
		d.fill()
		e := d.literals.find(d.bits)
		if e&special != 0 {
			return ErrCorrupt
		}
		d.take(int(e & lengthMask))
		if d.n < 0 {
			return ErrCorrupt
		}
		symbol := e >> valueShift
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		value, repeat := uint8(0), 0
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value, repeat = lengths[i-1], 3+d.take(2)
		case 17:
			repeat = 3 + d.take(3)
		default:
			repeat = 11 + d.take(7)
		}
		if repeat > len(lengths)-i {
			return ErrCorrupt
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	return nil
}
