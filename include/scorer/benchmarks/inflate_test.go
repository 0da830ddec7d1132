package benchmarks

import (
	"bytes"
	stdlib "compress/flate"
	"fmt"
	"io"
	"testing"

	klauspost "github.com/klauspost/compress/flate"

	"leapline/scorer/internal/inflate"
)

// BenchmarkInflate decompresses all files of the bundle. A scorer does this once at start, on all processors.
func BenchmarkInflate(b *testing.B) {
	list := entries(b)
	total, largest := 0, 0
	for _, e := range list {
		total, largest = total+e.size, max(largest, e.size)
	}
	out := make([]byte, largest)
	var own inflate.Decoder
	for name, decompress := range map[string]func(dst, src []byte) error{
		"own":       own.Decompress,
		"klauspost": reuse(klauspost.NewReader, klauspost.Resetter.Reset),
		"stdlib":    reuse(stdlib.NewReader, stdlib.Resetter.Reset),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(total))
			b.ReportAllocs()
			for b.Loop() {
				for _, e := range list {
					if err := decompress(out[:e.size], e.compressed); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// reuse returns a function that decompresses exactly len(dst) bytes with one reader, as the scorer would use the library.
func reuse[R any](newReader func(io.Reader) io.ReadCloser, reset func(R, io.Reader, []byte) error) func(dst, src []byte) error {
	var in bytes.Reader
	reader := newReader(&in)
	resetter := reader.(R)
	var end [1]byte
	return func(dst, src []byte) error {
		in.Reset(src)
		if err := reset(resetter, &in, nil); err != nil {
			return err
		}
		if _, err := io.ReadFull(reader, dst); err != nil {
			return err
		}
		if n, err := reader.Read(end[:]); n != 0 || err != io.EOF {
			return fmt.Errorf("decompressed size differs: %w", err)
		}
		return nil
	}
}
