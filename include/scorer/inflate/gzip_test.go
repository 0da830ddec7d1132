package inflate

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// member returns a member of a gzip file, with all that a header can have.
func member(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "part-1", "events", []byte{1, 2, 3}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(in io.Reader) ([]byte, error) {
	r, err := NewGzipReader(in)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// large returns content that exceeds every buffer, and refers to what is as far away as possible.
func large() []byte {
	r := rand.New(rand.NewPCG(3, 4))
	var text []byte
	for len(text) < 3*outputSize {
		noise := make([]byte, 300)
		for i := range noise {
			noise[i] = byte(r.Uint32())
		}
		text = append(text, noise...)
		if n := len(text); n > window {
			text = append(text, text[n-window+4:n-window+250]...)
		}
	}
	return text
}

func TestGzipFilesOfEveryKindAreRestored(t *testing.T) {
	kinds := texts()
	kinds["large"] = large()
	kinds["long run"] = bytes.Repeat([]byte{'a'}, 5*outputSize)
	for name, text := range kinds {
		for _, level := range []int{gzip.HuffmanOnly, 0, 1, 6, 9} {
			packed := member(t, text, level)
			for way, in := range map[string]io.Reader{
				"whole": bytes.NewReader(packed), "by halves": iotest.HalfReader(bytes.NewReader(packed)),
				"with an early end": iotest.DataErrReader(bytes.NewReader(packed)),
			} {
				if out, err := unpack(in); err != nil || !bytes.Equal(out, text) {
					t.Errorf("%s at level %d, read %s: %d of %d bytes, %v", name, level, way, len(out), len(text), err)
				}
			}
		}
	}
}

func TestMembersFollowOneAnother(t *testing.T) {
	words := texts()["words"]
	file := append(append(member(t, words, 6), member(t, nil, 6)...), member(t, large(), 1)...)
	out, err := unpack(iotest.OneByteReader(bytes.NewReader(file)))
	if err != nil || !bytes.Equal(out, append(bytes.Clone(words), large()...)) {
		t.Errorf("found %d bytes, %v", len(out), err)
	}
	for rest, expected := range map[string]error{
		"": nil, string(make([]byte, 512)): nil, string(make([]byte, 2*inputSize)): nil, "\n": ErrHeader, "more": ErrHeader,
		"\x1f": io.ErrUnexpectedEOF, "\x00\x00\x1f\x8b\x08": io.ErrUnexpectedEOF,
	} {
		if _, err := unpack(bytes.NewReader(append(bytes.Clone(file), rest...))); !errors.Is(err, expected) {
			t.Errorf("%.8q after the last member: %v, expected %v", rest, err, expected)
		}
	}
}

// A member must not refer to the content of the one before it: here the first code of a fixed block copies its last byte.
func TestMembersDoNotReferToOneAnother(t *testing.T) {
	copying := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0x03, 0x02, 0}
	copying = binary.LittleEndian.AppendUint32(copying, crc32.ChecksumIEEE([]byte("aaa")))
	copying = binary.LittleEndian.AppendUint32(copying, 3)
	file := append(member(t, []byte("anna"), 6), copying...)
	if _, err := unpack(bytes.NewReader(file)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("found %v, expected %v", err, ErrCorrupt)
	}
}

func TestTruncatedFilesAreNamedSo(t *testing.T) {
	for name, text := range texts() {
		for _, level := range []int{gzip.HuffmanOnly, 0, 6} {
			packed := member(t, text[:min(len(text), 3000)], level)
			for size := range packed {
				if _, err := unpack(bytes.NewReader(packed[:size])); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("%d of %d bytes of %s at level %d: %v", size, len(packed), name, level, err)
				}
			}
		}
	}
}

func TestWrongSumsSizesAndInputsAreErrors(t *testing.T) {
	packed := member(t, texts()["words"], 6)
	for _, place := range []int{len(packed) - 8, len(packed) - 1} {
		wrong := bytes.Clone(packed)
		wrong[place]++
		if _, err := unpack(bytes.NewReader(wrong)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d: %v", place, err)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := unpack(io.MultiReader(bytes.NewReader(packed[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("found %v, expected %v", err, broken)
	}
	if _, err := NewGzipReader(bytes.NewReader([]byte("app_id\tplatform\n"))); !errors.Is(err, ErrHeader) {
		t.Errorf("text: %v", err)
	}
}

// FuzzGzip compares with compress/gzip: both return the same bytes, or both fail. Zeros after a member, long names and a wrong
// checksum of a header are errors only there, all of one kind.
func FuzzGzip(f *testing.F) {
	for _, text := range texts() {
		text = text[:min(len(text), 3000)]
		for _, level := range []int{gzip.HuffmanOnly, 0, 1, 9} {
			f.Add(append(member(f, text, level), member(f, text[:len(text)/2], level)...))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		const limit = 1 << 22
		var want []byte
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err == nil {
			want, err = io.ReadAll(io.LimitReader(reader, limit))
		}
		if len(want) == limit || errors.Is(err, gzip.ErrHeader) {
			return
		}
		got, failed := unpack(bytes.NewReader(packed))
		if (err == nil) != (failed == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("found %d bytes and %v, expected %d and %v", len(got), failed, len(want), err)
		}
	})
}
