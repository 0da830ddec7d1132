// Package inflate decompresses DEFLATE streams (RFC 1951): one of known decompressed size from memory to memory, and gzip files.
//
// A bundle has thousands of small entries, and decompressing them takes most of the scorer's start time; decompressing the landed
// files of a day took a third of reading it. The measurements in docs/decisions/0010-inflate.md compare this package with
// compress/flate and github.com/klauspost/compress.
package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt is returned for a stream that is truncated, invalid, or has another decompressed size.
var ErrCorrupt = errors.New("corrupt deflate stream")

// errTruncated is the ErrCorrupt of a stream that ends too early.
var errTruncated = fmt.Errorf("%w: it ends too early", ErrCorrupt)

// Decompress decompresses src to exactly len(dst) bytes. After an error the content of dst is undefined.
func (d *Decoder) Decompress(dst, src []byte) error {
	d.src, d.dst, d.pos, d.at, d.bits, d.n = src, dst, 0, 0, 0, 0
	err := d.run()
	d.src, d.dst = nil, nil
	return err
}

// Decoder decompresses one stream at a time. The zero value is ready to use.
type Decoder struct {
	src, dst []byte
	pos, at  int    // positions of the next byte to read and to write
	bits     uint64 // bits that have been read, but not used, from the lowest on
	n        int    // number of these bits; negative after bits beyond the end of the stream have been used
	codes    codes
}

func (d *Decoder) run() error {
	for {
		last, codes, err := d.head()
		if err == nil && codes != nil {
			var ended bool
			if ended, err = d.block(codes); err == nil && !ended {
				err = d.blockNearEnd(codes)
			}
		}
		switch {
		case d.n < 0:
			return errTruncated
		case err != nil:
			return err
		case !last:
		case d.at < len(d.dst):
			return ErrCorrupt
		default:
			return nil
		}
	}
}

// codes are the two codes of a block.
type codes struct{ literals, distances table }

// head reads what precedes the symbols of a block, and copies a stored block, which has none and no codes. It reports whether the
// block is the last one.
func (d *Decoder) head() (last bool, _ *codes, err error) {
	d.fill()
	head := d.take(3)
	last = head&1 != 0
	switch head >> 1 {
	case 0:
		return last, nil, d.stored()
	case 1:
		return last, fixedCodes(), nil
	case 2:
		return last, &d.codes, d.dynamicCodes()
	}
	return last, nil, ErrCorrupt
}

// fill makes at least 56 bits available. Beyond the end of the stream they are zero, and n becomes negative when they are
// used.
func (d *Decoder) fill() {
	if d.pos+8 <= len(d.src) && d.n >= 0 {
		d.bits |= binary.LittleEndian.Uint64(d.src[d.pos:]) << d.n
		taken := (63 - d.n) >> 3
		d.pos += taken
		d.n += taken << 3
		return
	}
	for d.n >= 0 && d.n <= 56 && d.pos < len(d.src) {
		d.bits |= uint64(d.src[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
}

// take returns the next n bits.
func (d *Decoder) take(n int) int {
	v := int(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	return v
}

// stored copies an uncompressed block.
func (d *Decoder) stored() error {
	if d.n < 0 {
		return errTruncated
	}
	d.pos -= d.n >> 3 // return unused bytes; the remaining bits of the current byte are padding
	d.bits, d.n = 0, 0
	if len(d.src)-d.pos < 4 {
		return errTruncated
	}
	size := int(binary.LittleEndian.Uint16(d.src[d.pos:]))
	if size != int(^binary.LittleEndian.Uint16(d.src[d.pos+2:])) {
		return ErrCorrupt
	}
	d.pos += 4
	switch {
	case len(d.src)-d.pos < size:
		return errTruncated
	case len(d.dst)-d.at < size:
		return ErrCorrupt
	}
	copy(d.dst[d.at:], d.src[d.pos:d.pos+size])
	d.pos, d.at = d.pos+size, d.at+size
	return nil
}

// roomIn and roomOut are the bytes before the end of the input and output within which block must check its bounds.
const roomIn, roomOut = 16, 320

// block decodes symbols until the block ends, or the input or output is nearly at its end. The state is in local variables, which
// the compiler keeps in registers.
func (d *Decoder) block(codes *codes) (ended bool, err error) {
	literals, distances := &codes.literals, &codes.distances
	src, dst, pos, at, bits, n := d.src, d.dst, d.pos, d.at, d.bits, d.n
	for n >= 0 && pos <= len(src)-roomIn && at <= len(dst)-roomOut {
		bits |= binary.LittleEndian.Uint64(src[pos:]) << (n & 63)
		pos += (63 - n) >> 3
		n |= 56
		e := literals.find(bits)
		bits >>= e & lengthMask
		n -= int(e & lengthMask)
		if e&literal != 0 { // more literals are likely to follow, and there are enough bits for three
			dst[at] = byte(e >> valueShift)
			at++
			e = literals.find(bits)
			bits >>= e & lengthMask
			n -= int(e & lengthMask)
			if e&literal != 0 {
				dst[at] = byte(e >> valueShift)
				at++
				e = literals.find(bits)
				bits >>= e & lengthMask
				n -= int(e & lengthMask)
				if e&literal != 0 {
					dst[at] = byte(e >> valueShift)
					at++
					continue
				}
			}
			bits |= binary.LittleEndian.Uint64(src[pos:]) << (n & 63)
			pos += (63 - n) >> 3
			n |= 56
		}
		if e&special != 0 {
			d.pos, d.at, d.bits, d.n = pos, at, bits, n
			return true, blockEnd(e)
		}
		extra := e >> extraShift & extraMask
		length := int(e>>valueShift) + int(bits&(1<<extra-1))
		bits >>= extra
		e = distances.find(bits)
		bits >>= e & lengthMask
		if e&special != 0 {
			return false, ErrCorrupt
		}
		n -= int(extra + e&lengthMask)
		extra = e >> extraShift & extraMask
		distance := int(e>>valueShift) + int(bits&(1<<extra-1))
		bits >>= extra
		n -= int(extra)
		if distance > at {
			return false, ErrCorrupt
		}
		if distance < 8 {
			repeat(dst[at-distance:at+length], distance)
			at += length
			continue
		}
		// Copy in units of 8 bytes and at least 32, beyond the end; the following output overwrites the excess.
		out, in := dst[at:at+32], dst[at-distance:at-distance+32]
		binary.LittleEndian.PutUint64(out, binary.LittleEndian.Uint64(in))
		binary.LittleEndian.PutUint64(out[8:], binary.LittleEndian.Uint64(in[8:]))
		binary.LittleEndian.PutUint64(out[16:], binary.LittleEndian.Uint64(in[16:]))
		binary.LittleEndian.PutUint64(out[24:], binary.LittleEndian.Uint64(in[24:]))
		for to, end := at+32, at+length; to < end; to += 8 {
			binary.LittleEndian.PutUint64(dst[to:], binary.LittleEndian.Uint64(dst[to-distance:]))
		}
		at += length
	}
	d.pos, d.at, d.bits, d.n = pos, at, bits, n
	return false, nil
}

// blockNearEnd decodes the remaining symbols of a block near the end of the input or output, with all checks.
func (d *Decoder) blockNearEnd(codes *codes) error {
	for {
		d.fill()
		e := codes.literals.find(d.bits)
		d.take(int(e & lengthMask))
		switch {
		case d.n < 0:
			return errTruncated
		case e&special != 0:
			return blockEnd(e)
		case e&literal != 0:
			if d.at >= len(d.dst) {
				return ErrCorrupt
			}
			d.dst[d.at] = byte(e >> valueShift)
			d.at++
			continue
		}
		length := int(e>>valueShift) + d.take(int(e>>extraShift&extraMask))
		if e = codes.distances.find(d.bits); e&special != 0 {
			return ErrCorrupt
		}
		d.take(int(e & lengthMask))
		distance := int(e>>valueShift) + d.take(int(e>>extraShift&extraMask))
		if d.n < 0 || distance > d.at || length > len(d.dst)-d.at {
			return ErrCorrupt
		}
		repeat(d.dst[d.at-distance:d.at+length], distance)
		d.at += length
	}
}

// blockEnd returns nil if the symbol is the end of a block, else an error.
func blockEnd(e uint32) error {
	if e&endOfBlock != 0 {
		return nil
	}
	return ErrCorrupt
}

// repeat fills b by repeating its first period bytes.
func repeat(b []byte, period int) {
	for i := period; i < len(b); i++ {
		b[i] = b[i-period]
	}
}
