// Package frames reads and writes what a task of Spark and this program exchange over pipes. All numbers are little-endian.
//
//	in:   options: size uint32, JSON
//	      then, until the end, one byte for the kind of a frame, and the frame:
//	        'L'  lines: n uint32, slices [n]int32, days [n]int32, ends [n]uint32, text [ends[n-1]]byte
//	        'K'  events: n uint32, slices [n]int32, days [n]int32, hashes, arrivals, times [n]int64 each (the least number is none),
//	             columns k uint32, ends [n*k]uint32, valid [(n*k+7)/8]byte, text
//	        'F'  file: slice int32, day int32, first int64, last int64, path and extension, each with size uint32
//	        'B'  block: part with its size uint32, bucket uint32, size uint32, [size]byte
//	        'T'  table: rows uint32, columns uint32, for each column: kind byte, then its buffers, each with size uint32
//	out:  'B'  block, as above
//	      'T'  table, as above
package frames

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"leapline/cleaner/internal/files"
)

const (
	// Lines is the kind of a frame with lines.
	Lines byte = 'L'
	// Columns is the kind of a frame with events of typed columns.
	Columns byte = 'K'
	// File is the kind of a frame that names a file of lines.
	File byte = 'F'
	// Block is the kind of a frame with rows in their binary form, or others of what Spark moves without looking into it.
	Block byte = 'B'
	// Table is the kind of a frame with columns.
	Table byte = 'T'
)

// Reader reads frames.
type Reader struct {
	in     *bufio.Reader
	number [4]byte
	buffer []byte
}

// NewReader returns a reader of frames.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, 1<<20)} }

// Kind returns the kind of the next frame; io.EOF at the end.
func (r *Reader) Kind() (byte, error) { return r.in.ReadByte() }

// Bytes reads a size and as many bytes. They are valid until the next call.
func (r *Reader) Bytes() ([]byte, error) {
	size, err := r.uint32()
	if err != nil {
		return nil, err
	}
	return r.read(int(size))
}

// Block reads a block after its kind.
func (r *Reader) Block() (part string, bucket uint32, block []byte, err error) {
	name, err := r.Bytes()
	if err != nil {
		return "", 0, nil, err
	}
	part = string(name)
	if bucket, err = r.uint32(); err != nil {
		return "", 0, nil, err
	}
	block, err = r.Bytes()
	return part, bucket, block, err
}

// EachLine reads lines after their kind and calls f for each.
func (r *Reader) EachLine(f func(text []byte, slice int32, day int32)) error {
	n, err := r.uint32()
	if err != nil || n == 0 {
		return err
	}
	numbers, err := r.read(12 * int(n))
	if err != nil {
		return err
	}
	slices, days, ends := numbers[:4*n], numbers[4*n:8*n], numbers[8*n:]
	text := make([]byte, binary.LittleEndian.Uint32(ends[4*n-4:]))
	if _, err := io.ReadFull(r.in, text); err != nil {
		return truncated(err)
	}
	start := uint32(0)
	for i := range n {
		end := binary.LittleEndian.Uint32(ends[4*i:])
		f(text[start:end:end], int32(binary.LittleEndian.Uint32(slices[4*i:])), int32(binary.LittleEndian.Uint32(days[4*i:])))
		start = end
	}
	return nil
}

// File reads the name of a file after its kind.
func (r *Reader) File() (part files.Part, slice, day int32, err error) {
	numbers, err := r.part(24)
	if err != nil {
		return part, 0, 0, err
	}
	slice, day = int32(binary.LittleEndian.Uint32(numbers)), int32(binary.LittleEndian.Uint32(numbers[4:]))
	part.First, part.Last = int64(binary.LittleEndian.Uint64(numbers[8:])), int64(binary.LittleEndian.Uint64(numbers[16:]))
	for _, text := range []*string{&part.Path, &part.Extension} {
		content, err := r.Bytes()
		if err != nil {
			return part, 0, 0, err
		}
		*text = string(content)
	}
	return part, slice, day, nil
}

// Typed is an event of typed columns.
type Typed struct {
	Values                   [][]byte
	Slice, Day               int32
	Hash                     uint64
	Collector, Derived       int64
	HasCollector, HasDerived bool
}

// EachEvent reads events of typed columns after their kind and calls f for each.
func (r *Reader) EachEvent(f func(e *Typed)) error {
	size, err := r.uint32()
	if err != nil || size == 0 {
		return err
	}
	n := int(size)
	numbers, err := r.part(32 * n)
	if err != nil {
		return err
	}
	width, err := r.uint32()
	if err != nil {
		return err
	}
	k := int(width)
	ends, err := r.part(4 * n * k)
	if err != nil {
		return err
	}
	valid, err := r.part((n*k + 7) / 8)
	if err != nil {
		return err
	}
	text, err := r.part(int(binary.LittleEndian.Uint32(ends[4*n*k-4:])))
	if err != nil {
		return err
	}
	long := func(column, i int) int64 { return int64(binary.LittleEndian.Uint64(numbers[8*n*(column+1)+8*i:])) }
	e, start := Typed{Values: make([][]byte, k)}, uint32(0)
	for i := range n {
		for j := range k {
			at := i*k + j
			end := binary.LittleEndian.Uint32(ends[4*at:])
			e.Values[j] = nil
			if valid[at>>3]>>(at&7)&1 != 0 {
				e.Values[j] = text[start:end:end]
			}
			start = end
		}
		e.Slice, e.Day = int32(binary.LittleEndian.Uint32(numbers[4*i:])), int32(binary.LittleEndian.Uint32(numbers[4*(n+i):]))
		e.Hash, e.Collector, e.Derived = uint64(long(0, i)), long(1, i), long(2, i)
		e.HasCollector, e.HasDerived = e.Collector != math.MinInt64, e.Derived != math.MinInt64
		f(&e)
	}
	return nil
}

// part reads n bytes into memory of their own.
func (r *Reader) part(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(r.in, b)
	return b, truncated(err)
}

func (r *Reader) read(n int) ([]byte, error) {
	if cap(r.buffer) < n {
		r.buffer = make([]byte, n)
	}
	_, err := io.ReadFull(r.in, r.buffer[:n])
	return r.buffer[:n], truncated(err)
}

func (r *Reader) uint32() (uint32, error) {
	_, err := io.ReadFull(r.in, r.number[:])
	return binary.LittleEndian.Uint32(r.number[:]), truncated(err)
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the input ends within a frame: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// Writer writes frames.
type Writer struct {
	out *bufio.Writer
}

// NewWriter returns a writer of frames; the caller flushes it.
func NewWriter(out io.Writer) *Writer { return &Writer{bufio.NewWriterSize(out, 1<<20)} }

// Block writes a block.
func (w *Writer) Block(part string, bucket uint32, block []byte) error {
	w.out.WriteByte(Block)
	w.uint32(uint32(len(part)))
	w.out.WriteString(part)
	w.uint32(bucket)
	return w.bytes(block)
}

// Frame writes a frame that was read as the content of a block.
func (w *Writer) Frame(frame []byte) error {
	_, err := w.out.Write(frame)
	return err
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.out.Flush() }

func (w *Writer) uint32(n uint32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], n)
	w.out.Write(b[:])
}

func (w *Writer) bytes(b []byte) error {
	w.uint32(uint32(len(b)))
	_, err := w.out.Write(b) // an error of an earlier write is returned again
	return err
}
