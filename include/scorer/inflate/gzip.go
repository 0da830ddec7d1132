package inflate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const (
	window    = 1 << 15 // bytes of output to which a stream may refer
	maxStored = 1<<16 - 1
	// The buffers are small enough to stay in the processor's cache.
	inputSize  = 1 << 18
	outputSize = window + 1<<18 + maxStored
	// What is in the input before a block, unless the file ends: the head of a block, or all of one that is stored.
	ahead = maxStored + 1024
)

// ErrHeader is returned for content that does not begin like a gzip file, at its beginning or after a member.
var ErrHeader = errors.New("not a gzip header")

// GzipReader decompresses a gzip file (RFC 1952) of one or more members. It reads more of its input than it needs at a time.
type GzipReader struct {
	in      io.Reader
	ended   bool // the input
	decoder Decoder
	codes   *codes // of the current block; nil between two blocks
	last    bool   // the current block is the last one of its member
	isFirst bool   // the current block is the first one of its member
	start   int    // where the output begins that has not been returned
	summed  int    // where the output begins that is not in the checksum
	sum     uint32
	size    uint32 // of the member's content, modulo 2^32
	err     error  // after the output that has not been returned
}

// NewGzipReader returns a reader of a file's content.
//
// Errors: ErrHeader, ErrCorrupt (also for a wrong checksum), io.ErrUnexpectedEOF for a truncated file, and those of the input.
func NewGzipReader(in io.Reader) (*GzipReader, error) {
	r := &GzipReader{in: in}
	r.decoder.src, r.decoder.dst = make([]byte, 0, inputSize), make([]byte, outputSize)
	if err := r.header(); err != nil {
		return nil, err
	}
	return r, nil
}

// Read implements io.Reader.
func (r *GzipReader) Read(p []byte) (int, error) {
	for r.start == r.decoder.at {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.decompress()
	}
	n := copy(p, r.decoder.dst[r.start:r.decoder.at])
	r.start += n
	return n, nil
}

// decompress decodes symbols until the output is nearly full, or returns an error. All output has been returned before.
func (r *GzipReader) decompress() error {
	d := &r.decoder
	if kept := min(d.at, window); !r.isFirst {
		copy(d.dst, d.dst[d.at-kept:d.at])
		d.at = kept
	} else {
		d.at = 0 // a member does not refer to the one before it
	}
	r.isFirst, r.start, r.summed = false, d.at, d.at
	err := error(nil)
	for err == nil && r.hasRoom() && !r.isFirst {
		if err = r.fill(); err == nil {
			err = r.step()
		}
	}
	r.add()
	return err
}

// hasRoom reports whether a stored block fits into the output; so do all symbols in the bytes that block leaves at the input's end.
func (r *GzipReader) hasRoom() bool { return len(r.decoder.dst)-r.decoder.at > maxStored }

// step decodes the head of a block, symbols of a block, or the end of a member.
func (r *GzipReader) step() error {
	d := &r.decoder
	switch {
	case r.codes != nil:
		ended, err := d.block(r.codes)
		if err == nil && !ended && r.ended && r.hasRoom() {
			ended, err = true, d.blockNearEnd(r.codes)
		}
		if ended {
			r.codes = nil
		}
		return r.checked(err)
	case r.last:
		return r.trailer()
	}
	var err error
	r.last, r.codes, err = d.head()
	return r.checked(err)
}

// checked returns an error of the decoder.
func (r *GzipReader) checked(err error) error {
	if r.decoder.n < 0 || errors.Is(err, errTruncated) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// add adds new output to the member's checksum and size.
func (r *GzipReader) add() {
	output := r.decoder.dst[r.summed:r.decoder.at]
	r.sum, r.size, r.summed = crc32.Update(r.sum, crc32.IEEETable, output), r.size+uint32(len(output)), r.decoder.at
}

// trailer checks the end of a member and reads the header of the next one.
func (r *GzipReader) trailer() error {
	d := &r.decoder
	r.add()
	d.pos, d.bits, d.n = d.pos-d.n>>3, 0, 0 // return unused bytes
	trailer, err := r.take(8)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(trailer) != r.sum || binary.LittleEndian.Uint32(trailer[4:]) != r.size {
		return ErrCorrupt
	}
	r.sum, r.size, r.last, r.isFirst = 0, 0, false, true
	if err := r.fill(); err != nil {
		return err
	}
	if r.ended && d.pos == len(d.src) {
		return io.EOF
	}
	return r.header()
}

const hasSum, hasExtra, hasName, hasComment = 2, 4, 8, 16

// header reads the header of a member.
func (r *GzipReader) header() error {
	if err := r.fill(); err != nil {
		return err
	}
	head, err := r.take(10)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		return ErrHeader
	}
	flags := head[3]
	if flags&hasExtra != 0 {
		size, err := r.take(2)
		if err == nil {
			_, err = r.take(int(binary.LittleEndian.Uint16(size)))
		}
		if err != nil {
			return err
		}
	}
	for _, flag := range [...]byte{hasName, hasComment} {
		if flags&flag != 0 {
			if err := r.skipText(); err != nil {
				return err
			}
		}
	}
	if flags&hasSum != 0 {
		_, err = r.take(2)
	}
	return err
}

// take returns the next bytes of the input.
func (r *GzipReader) take(n int) ([]byte, error) {
	d := &r.decoder
	if err := r.fill(); err != nil {
		return nil, err
	}
	if len(d.src)-d.pos < n {
		return nil, io.ErrUnexpectedEOF
	}
	d.pos += n
	return d.src[d.pos-n : d.pos], nil
}

// skipText skips a text that ends with a zero byte.
func (r *GzipReader) skipText() error {
	for {
		c, err := r.take(1)
		if err != nil || c[0] == 0 {
			return err
		}
	}
}

// fill reads input until there is enough of it for every step, or it ends. It keeps eight bytes before the position, which the
// decoder may return.
func (r *GzipReader) fill() error {
	d := &r.decoder
	if r.ended || len(d.src)-d.pos >= ahead {
		return nil
	}
	kept := max(0, d.pos-8)
	d.src = d.src[:copy(d.src[:cap(d.src)], d.src[kept:])]
	d.pos -= kept
	for len(d.src) < cap(d.src) {
		n, err := r.in.Read(d.src[len(d.src):cap(d.src)])
		d.src = d.src[:len(d.src)+n]
		if err == io.EOF {
			r.ended = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
