package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func compress(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// texts returns inputs of several kinds: empty, short, repetitive, random, words, and skewed noise with codes of 15 bits.
func texts() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	skewed := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
		skewed[i] = byte(r.ExpFloat64() * 3)
	}
	return map[string][]byte{
		"empty": nil, "one": {7}, "run": bytes.Repeat([]byte{'a'}, 100_000), "noise": noise, "skewed": skewed,
		"words": []byte(strings.Repeat(`{"split":{"featureIndex":3,"threshold":-0.12},"type":"internal"}`+"\n", 5000)),
	}
}

func TestDecompressRestoresInputAndRejectsWrongSizes(t *testing.T) {
	var d Decoder
	for name, text := range texts() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			packed := compress(t, text, level)
			out := make([]byte, len(text))
			if err := d.Decompress(out, packed); err != nil || !bytes.Equal(out, text) {
				t.Errorf("%s at level %d: %v", name, level, err)
			}
			if err := d.Decompress(make([]byte, len(text)+1), packed); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s at level %d, one byte missing: %v", name, level, err)
			}
			if len(text) > 0 {
				if err := d.Decompress(make([]byte, len(text)-1), packed); !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s at level %d, one byte in excess: %v", name, level, err)
				}
			}
			if err := d.Decompress(out, packed[:len(packed)/2]); !errors.Is(err, ErrCorrupt) && len(packed) > 5 {
				t.Errorf("%s at level %d, truncated: %v", name, level, err)
			}
		}
	}
}

// TestDecompressAllSizes covers the ends of input and output, near which symbols are decoded with additional checks.
func TestDecompressAllSizes(t *testing.T) {
	var d Decoder
	for name, text := range texts() {
		for size := range min(len(text), 3*roomOut) {
			packed, out := compress(t, text[:size], 6), make([]byte, size)
			if err := d.Decompress(out, packed); err != nil || !bytes.Equal(out, text[:size]) {
				t.Fatalf("%d bytes of %s: %v", size, name, err)
			}
		}
	}
}

// FuzzDecompress compares with compress/flate: both return the same bytes, or both fail.
func FuzzDecompress(f *testing.F) {
	for _, text := range texts() {
		text = text[:min(len(text), 3000)]
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 9} {
			f.Add(compress(f, text, level), len(text))
		}
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, packed []byte, size int) {
		const limit = 1 << 16
		want, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), limit))
		if err != nil || len(want) == limit {
			if size >= 0 && size < limit && err != nil {
				if got := d.Decompress(make([]byte, size), packed); got == nil {
					t.Fatalf("accepted a stream that compress/flate rejects: %v", err)
				}
			}
			return
		}
		out := make([]byte, len(want))
		if err := d.Decompress(out, packed); err != nil || !bytes.Equal(out, want) {
			t.Fatalf("%v, or not the bytes of compress/flate", err)
		}
	})
}

func BenchmarkDecompress(b *testing.B) {
	for name, text := range texts() {
		packed, out := compress(b, text, 6), make([]byte, len(text))
		b.Run(name, func(b *testing.B) {
			var d Decoder
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := d.Decompress(out, packed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
