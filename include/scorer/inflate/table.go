package inflate

import (
	"math/bits"
	"sync"
)

// A table entry describes the symbol that the next bits encode:
//
//	bits 0-3   length of the code
//	bits 4-7   number of extra bits that follow the code
//	bits 8-11  flags
//	bits 16-31 the literal, the base of the length or distance, or the start of a subtable
const (
	lengthMask = 15
	extraShift = 4
	extraMask  = 15
	literal    = 1 << 8
	special    = 1 << 9 // no value: end of the block, or an invalid code
	endOfBlock = 1 << 10
	link       = 1 << 11
	valueShift = 16
)

const (
	// rootBits is a compromise: larger tables save subtables, but most entries of a bundle require new tables.
	rootBits = 10
	maxBits  = 15
	// maxEntries is sufficient for any code: a subtable has at least two of 288 codes.
	maxEntries = 1<<rootBits + 144<<(maxBits-rootBits)
)

// table decodes one Huffman code. The next bits, at most rootBits, are the index of an entry; longer codes have a subtable.
type table struct {
	mask    uint64
	entries [maxEntries]uint32
	code    canonicalCode
}

// find returns the entry for the next bits.
func (t *table) find(b uint64) uint32 {
	e := t.entries[b&t.mask&(1<<rootBits-1)]
	if e&link != 0 {
		e = t.entries[(uint64(e>>valueShift)+b>>rootBits&(1<<(maxBits-rootBits)-1))%maxEntries]
	}
	return e
}

// build fills the table for a canonical code with the given lengths. meaning contains each symbol's entry without length.
func (t *table) build(lengths []uint8, meaning []uint32) error {
	code := &t.code
	if err := code.order(lengths); err != nil {
		return err
	}
	root := max(1, min(code.longest, rootBits))
	t.mask = 1<<root - 1
	switch {
	case code.longest <= 1: // the code may be incomplete, so unused entries must be invalid
		t.entries[0], t.entries[1] = special|1, special|1
	case code.longest > rootBits:
		clear(t.entries[:1<<rootBits]) // remove links of the previous code
	}
	// The entries of shorter codes repeat with every further bit.
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

// link returns the start of a root entry's subtable, which it allocates at *free if necessary.
func (t *table) link(root int, free *int) int {
	if e := t.entries[root]; e&link != 0 {
		return int(e >> valueShift)
	}
	start := *free
	t.entries[root] = link | uint32(start)<<valueShift
	*free += 1 << (maxBits - rootBits)
	return start
}

// reversed returns the n bits of a code in the order of the stream.
func reversed(code, n int) int { return int(bits.Reverse16(uint16(code)) >> (16 - n)) }

// canonicalCode is the symbols of a Huffman code, ordered by code; codes of one length are consecutive numbers (RFC 1951,
// section 3.2.2).
type canonicalCode struct {
	longest int
	first   [maxBits + 1]int // first code per length
	start   [maxBits + 2]int // position of the first symbol per length
	symbols [288]uint16
}

// ofLength returns the symbols whose codes have n bits.
func (c *canonicalCode) ofLength(n int) []uint16 { return c.symbols[c.start[n]:c.start[n+1]] }

// order sorts the symbols by code. Like zlib it only accepts a complete code, a code of one bit, or an empty code.
func (c *canonicalCode) order(lengths []uint8) error {
	var count, at [maxBits + 1]int
	for _, n := range lengths {
		count[n&maxBits]++
	}
	at[0] = len(lengths) - count[0] // symbols without a code are last
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

// Table entries of the symbols in RFC 1951, section 3.2.5, without the length of the code.
var (
	literalMeaning  [288]uint32
	distanceMeaning [32]uint32
	codeMeaning     [19]uint32 // symbols of the code for the lengths of the other two
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

// fixedCodes returns those of blocks with fixed codes.
var fixedCodes = sync.OnceValue(func() *codes {
	var c codes
	if c.literals.build(fixedLengths[:], literalMeaning[:]) != nil || c.distances.build(fixedDistances[:], distanceMeaning[:]) != nil {
		panic("inflate: the fixed codes are not complete")
	}
	return &c
})

var codeOrder = [19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the codes of a block (RFC 1951, section 3.2.7).
func (d *Decoder) dynamicCodes() error {
	literals, distances, codes := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if literals > 286 || distances > 30 {
		return ErrCorrupt
	}
	var small [19]uint8
	for i := range codes {
		d.fill()
		small[codeOrder[i]] = uint8(d.take(3))
	}
	if err := d.codes.literals.build(small[:], codeMeaning[:]); err != nil {
		return err
	}
	var lengths [286 + 30]uint8
	if err := d.lengths(lengths[:literals+distances]); err != nil {
		return err
	}
	if err := d.codes.literals.build(lengths[:literals], literalMeaning[:]); err != nil {
		return err
	}
	return d.codes.distances.build(lengths[literals:literals+distances], distanceMeaning[:])
}

// lengths reads the code lengths of both codes, which are encoded with the code in d.codes.literals.
func (d *Decoder) lengths(lengths []uint8) error {
	for i := 0; i < len(lengths); {
		d.fill()
		e := d.codes.literals.find(d.bits)
		if e&special != 0 {
			return ErrCorrupt
		}
		d.take(int(e & lengthMask))
		if d.n < 0 {
			return errTruncated
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
