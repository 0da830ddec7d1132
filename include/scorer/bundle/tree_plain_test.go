package bundle

import (
	"math"
	"testing"
)

// FuzzPlainNode holds the short cut against the general reader: where it reads a record, both read the same.
func FuzzPlainNode(f *testing.F) {
	for _, record := range []string{
		"\x0a\x0f\x0a\x0d\x12\x0b\x08\x02\x11\x00\x00\x00\x00\x00\x00\xe0\x3f", // feature 2, threshold 0.5
		"\x0a\x04\x0a\x02\x12\x00", // feature 0, threshold 0
		"\x0a\x07\x0a\x05\x12\x03\x08\x80\x01",
		"\x12\x12\x0a\x10\x00\x00\x00\x00\x00\x00\xe0\x3f\x00\x00\x00\x00\x00\x00\xe0\xbf",
		"\x12\x00", "\x12\x02\x0a\x00", "\x0a\x00", "",
		"\x0a\x09\x0a\x07\x0a\x05\x08\x01\x10\x01\x18\x03", // categorical
	} {
		f.Add([]byte(record))
	}
	lim := DefaultLimits()
	f.Fuzz(func(t *testing.T, record []byte) {
		var plain, general Tree
		got, want := TreeNode{Feature: -1}, TreeNode{Feature: -1}
		if !plain.plainNode(&got, record, lim) {
			return
		}
		if err := general.nodeProto(&want, record, lim); err != nil {
			t.Fatalf("%x: read as %+v, the general reader says %v", record, got, err)
		}
		if math.Float64bits(got.Threshold) != math.Float64bits(want.Threshold) {
			t.Fatalf("%x: %+v, expected %+v", record, got, want)
		}
		got.Threshold, want.Threshold = 0, 0
		if got != want || len(plain.Values) != len(general.Values) {
			t.Fatalf("%x: %+v, expected %+v", record, got, want)
		}
		for i, v := range plain.Values {
			if math.Float64bits(v) != math.Float64bits(general.Values[i]) {
				t.Fatalf("%x: value %d", record, i)
			}
		}
	})
}
