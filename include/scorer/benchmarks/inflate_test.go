package benchmarks

import (
	"bytes"
	stdlib "compress/flate"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"

	klauspost "github.com/klauspost/compress/flate"

	"leapline/scorer/inflate"
)

// decompressor decompresses exactly len(dst) bytes.
type decompressor func(dst, src []byte) error

// libraries creates the decompressors. One that is not safe for concurrent use is created per goroutine.
var libraries = map[string]func() decompressor{
	"scorer":    func() decompressor { return new(inflate.Decoder).Decompress },
	"klauspost": func() decompressor { return reuse(klauspost.NewReader, klauspost.Resetter.Reset) },
	"stdlib":    func() decompressor { return reuse(stdlib.NewReader, stdlib.Resetter.Reset) },
}

// BenchmarkInflate decompresses all files of the bundle with one processor.
func BenchmarkInflate(b *testing.B) {
	list := entries(b)
	total := 0
	for _, e := range list {
		total += e.size
	}
	for name, library := range libraries {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(total))
			b.ReportAllocs()
			decompress := library()
			for b.Loop() {
				if err := decompressAll(list, decompress); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad reads and compiles the bundle, as a scorer does at start. For a library, it decompresses all files with it on
// all processors, and then loads the bundle without compression.
func BenchmarkLoad(b *testing.B) {
	compressed, uncompressed, list := largeBundle(), stored(b), entries(b)
	for name, library := range libraries {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if name == "scorer" {
					err = load(compressed)
				} else {
					err = errors.Join(decompressParallel(list, library), load(uncompressed))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func decompressAll(list []entry, decompress decompressor) error {
	var out []byte
	for _, e := range list {
		out = slices.Grow(out[:0], e.size)
		if err := decompress(out[:e.size], e.compressed); err != nil {
			return err
		}
	}
	return nil
}

func decompressParallel(list []entry, library func() decompressor) error {
	parts := slices.Collect(slices.Chunk(list, (len(list)-1)/runtime.GOMAXPROCS(0)+1))
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, part := range parts {
		running.Go(func() { errs[i] = decompressAll(part, library()) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// reuse returns a function that decompresses exactly len(dst) bytes with one reader, as the scorer would use the library.
func reuse[R any](newReader func(io.Reader) io.ReadCloser, reset func(R, io.Reader, []byte) error) decompressor {
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
