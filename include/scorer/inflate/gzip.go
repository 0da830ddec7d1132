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
	in           io.Reader
	inputEnded   bool
	decoder      Decoder
	codes        *codes // of the current block; nil between two blocks
	last         bool   // the current block is the last one of its member
	memberBegins bool   // nothing of the next member has been decoded: the window is empty
	returned     int    // how much of the output has been returned
	summed       int    // how much of it is in the checksum
	sum          uint32
	size         uint32 // of the member's content, modulo 2^32
	err          error  // after the output that has not been returned
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
	for r.returned == r.decoder.at {
		if r.err != nil {
			return 0, r.err
		}
		r.err = r.decompress()
	}
	n := copy(p, r.decoder.dst[r.returned:r.decoder.at])
	r.returned += n
	return n, nil
}

// decompress decodes symbols until the output is nearly full, or returns an error. All output has been returned before.
func (r *GzipReader) decompress() error {
	d := &r.decoder
	if kept := min(d.at, window); !r.memberBegins {
		copy(d.dst, d.dst[d.at-kept:d.at])
		d.at = kept
	} else {
		d.at = 0 // a member does not refer to the one before it
	}
	r.memberBegins, r.returned, r.summed = false, d.at, d.at
	err := error(nil)
	for err == nil && r.hasRoom() && !r.memberBegins {
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
		if err == nil && !ended && r.inputEnded && r.hasRoom() {
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
	r.sum, r.size, r.last, r.memberBegins = 0, 0, false, true
	if err := r.skipPadding(); err != nil {
		return err
	}
	return r.header()
}

// skipPadding skips zeros after a member, with which some stores fill the last block of a file; io.EOF at the file's end.
func (r *GzipReader) skipPadding() error {
	d := &r.decoder
	for {
		if err := r.fill(); err != nil {
			return err
		}
		for d.pos < len(d.src) && d.src[d.pos] == 0 {
			d.pos++
		}
		if d.pos < len(d.src) {
			return nil
		}
		if r.inputEnded {
			return io.EOF
		}
	}
}

var magic = []byte{0x1f, 0x8b, 8}

const hasSum, hasExtra, hasName, hasComment = 2, 4, 8, 16

// header reads the header of a member. Its own checksum is not compared, because the content has one.
func (r *GzipReader) header() error {
	if err := r.fill(); err != nil {
		return err
	}
	rest := r.decoder.src[r.decoder.pos:]
	if !bytes.HasPrefix(rest, magic[:min(len(rest), len(magic))]) {
		return ErrHeader
	}
	head, err := r.take(10)
	if err != nil {
		return err
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
	if r.inputEnded || len(d.src)-d.pos >= ahead {
		return nil
	}
	kept := max(0, d.pos-8)
	d.src = d.src[:copy(d.src[:cap(d.src)], d.src[kept:])]
	d.pos -= kept
	n, err := io.ReadAtLeast(r.in, d.src[len(d.src):cap(d.src)], ahead)
	d.src = d.src[:len(d.src)+n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.inputEnded = true
		return nil
	}
	return err
}
