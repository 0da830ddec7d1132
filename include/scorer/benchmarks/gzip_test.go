package benchmarks

import (
	"bytes"
	stdlib "compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	klauspost "github.com/klauspost/compress/gzip"

	"leapline/scorer/inflate"
)

// BenchmarkGzip decompresses landed files with one processor: those of the pattern GZIP_FILES, or generated lines.
func BenchmarkGzip(b *testing.B) {
	files := gzipFiles(b)
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"scorer":    func(in io.Reader) (io.Reader, error) { return inflate.NewGzipReader(in) },
		"klauspost": func(in io.Reader) (io.Reader, error) { return klauspost.NewReader(in) },
		"stdlib":    func(in io.Reader) (io.Reader, error) { return stdlib.NewReader(in) },
	} {
		b.Run(name, func(b *testing.B) {
			buffer := make([]byte, 1<<20)
			for b.Loop() {
				total := int64(0)
				for _, file := range files {
					content, err := open(bytes.NewReader(file))
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{content}, buffer)
					if err != nil {
						b.Fatal(err)
					}
					total += n
				}
				b.SetBytes(total)
			}
		})
	}
}

func gzipFiles(b *testing.B) (files [][]byte) {
	b.Helper()
	pattern := os.Getenv("GZIP_FILES")
	if pattern == "" {
		return [][]byte{lines(b)}
	}
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		b.Fatalf("no file fits %s: %v", pattern, err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// lines returns lines whose columns are in part the same in all lines, in part random, as those of events.
func lines(b *testing.B) []byte {
	b.Helper()
	var packed bytes.Buffer
	w := stdlib.NewWriter(&packed)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		fmt.Fprintf(w, "shop\tweb\t2026-03-05 00:20:%02d.%03d\t%08x-%04x-%04x\t\t\tjs-3.24.0\thttps://shop.example/p/PA%d\t\t\t", r.IntN(60), r.IntN(1000),
			r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xffff, r.IntN(20_000))
		fmt.Fprintf(w, `{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":[{"id":"%08x","price":%d}]}`, r.Uint32(), r.IntN(100))
		fmt.Fprint(w, "\t\t\tMozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101\t\t\tEurope/Berlin\t1\t0\t1\n")
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return packed.Bytes()
}
