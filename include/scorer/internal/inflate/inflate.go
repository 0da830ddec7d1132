// Package inflate unpacks a DEFLATE stream (RFC 1951) whose unpacked size is known, from memory to memory.
//
// A bundle is thousands of small entries, and unpacking them is most of the time that a scorer takes to start;
// compress/flate reads byte by byte through interfaces and keeps a window, which takes about three times as long.
package inflate

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt says that a stream is cut, damaged, or unpacks to another size than was said.
var ErrCorrupt = errors.New("the packed data is cut or damaged")

// Decompress unpacks src into all of dst. What dst holds after an error is undefined.
func (d *Decoder) Decompress(dst, src []byte) error {
	d.src, d.dst, d.pos, d.at, d.bits, d.n = src, dst, 0, 0, 0, 0
	err := d.run()
	d.src, d.dst = nil, nil
	return err
}

// Decoder unpacks one stream at a time; the zero value is ready. It holds a stream's bits from the lowest on: n of them in
// bits, the rest in src from pos.
type Decoder struct {
	src, dst  []byte
	pos, at   int // next byte to read, next to write
	bits      uint64
	n         int
	literals  table
	distances table
}

func (d *Decoder) run() error {
	for {
		d.fill()
		head := d.take(3)
		var err error
		switch head >> 1 {
		case 0:
			err = d.stored()
		case 1:
			fixed := fixedTables()
			err = d.block(&fixed[0], &fixed[1])
		case 2:
			if err = d.dynamicTables(); err == nil {
				err = d.block(&d.literals, &d.distances)
			}
		default:
			err = ErrCorrupt
		}
		switch {
		case d.n < 0:
			return ErrCorrupt
		case err != nil:
			return err
		case head&1 == 0:
		case d.at < len(d.dst):
			return ErrCorrupt
		default:
			return nil
		}
	}
}

// fill makes at least 56 bits available; past the end of the stream they are zeros, and n tells by going below zero
// when they are taken.
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

func (d *Decoder) take(n int) int {
	v := int(d.bits & (1<<n - 1))
	d.bits >>= n
	d.n -= n
	return v
}

// stored copies a block that is not packed.
func (d *Decoder) stored() error {
	if d.n < 0 {
		return ErrCorrupt
	}
	d.pos -= d.n >> 3 // whole bytes go back, the rest of a byte is padding
	d.bits, d.n = 0, 0
	if len(d.src)-d.pos < 4 {
		return ErrCorrupt
	}
	size := int(binary.LittleEndian.Uint16(d.src[d.pos:]))
	if size != int(^binary.LittleEndian.Uint16(d.src[d.pos+2:])) {
		return ErrCorrupt
	}
	d.pos += 4
	switch {
	case len(d.src)-d.pos < size:
		return ErrCorrupt
	case len(d.dst)-d.at < size:
		return ErrCorrupt
	}
	copy(d.dst[d.at:], d.src[d.pos:d.pos+size])
	d.pos, d.at = d.pos+size, d.at+size
	return nil
}

// Farther than this from the ends of what is read and written, a step of block needs no look at either.
const roomIn, roomOut = 16, 320

// block unpacks one block's symbols. The state is kept in local variables, which the compiler keeps in registers.
func (d *Decoder) block(literals, distances *table) error {
	src, dst, pos, at, bits, n := d.src, d.dst, d.pos, d.at, d.bits, d.n
	for n >= 0 && pos <= len(src)-roomIn && at <= len(dst)-roomOut {
		bits |= binary.LittleEndian.Uint64(src[pos:]) << (n & 63)
		pos += (63 - n) >> 3
		n |= 56
		e := literals.find(bits)
		bits >>= e & lengthMask
		n -= int(e & lengthMask)
		if e&literal != 0 { // mostly more literals follow: there are bits for three
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
			return ended(e)
		}
		extra := e >> extraShift & extraMask
		length := int(e>>valueShift) + int(bits&(1<<extra-1))
		bits >>= extra
		e = distances.find(bits)
		bits >>= e & lengthMask
		if e&special != 0 {
			return ErrCorrupt
		}
		n -= int(extra + e&lengthMask)
		extra = e >> extraShift & extraMask
		distance := int(e>>valueShift) + int(bits&(1<<extra-1))
		bits >>= extra
		n -= int(extra)
		if distance > at {
			return ErrCorrupt
		}
		if distance < 8 {
			repeat(dst[at-distance:at+length], distance)
			at += length
			continue
		}
		// By the eight and 32 at least, past the end: what comes next is written over it.
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
	return d.rest(literals, distances)
}

// rest unpacks what symbols of a block are left near an end, one by one.
func (d *Decoder) rest(literals, distances *table) error {
	for {
		d.fill()
		e := literals.find(d.bits)
		d.take(int(e & lengthMask))
		switch {
		case d.n < 0:
			return ErrCorrupt
		case e&special != 0:
			return ended(e)
		case e&literal != 0:
			if d.at >= len(d.dst) {
				return ErrCorrupt
			}
			d.dst[d.at] = byte(e >> valueShift)
			d.at++
			continue
		}
		length := int(e>>valueShift) + d.take(int(e>>extraShift&extraMask))
		if e = distances.find(d.bits); e&special != 0 {
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

// ended says how a symbol without a value ends a block.
func ended(e uint32) error {
	if e&endOfBlock != 0 {
		return nil
	}
	return ErrCorrupt
}

// repeat fills b with its first bytes, of that number, again and again.
func repeat(b []byte, period int) {
	for i := period; i < len(b); i++ {
		b[i] = b[i-period]
	}
}
