package bundle

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzFastNodeEqualsGeneralReader checks that both read the same node from a record that the fast path accepts.
func FuzzFastNodeEqualsGeneralReader(f *testing.F) {
	for _, record := range []string{
		"\x0a\x0f\x0a\x0d\x12\x0b\x08\x02\x11\x00\x00\x00\x00\x00\x00\xe0\x3f",     // feature 2, threshold 0.5
		"\x0a\x10\x0a\x0e\x12\x0c\x08\x80\x01\x11\x00\x00\x00\x00\x00\x00\xe0\x3f", // feature 128
		"\x0a\x0d\x0a\x0b\x12\x09\x11\x00\x00\x00\x00\x00\x00\xe0\x3f",             // feature 0
		"\x0a\x04\x0a\x02\x12\x00", // and threshold 0
		"\x12\x12\x0a\x10\x00\x00\x00\x00\x00\x00\xe0\x3f\x00\x00\x00\x00\x00\x00\xe0\xbf",
		"\x12\x0a\x0a\x08\x00\x00\x00\x00\x00\x00\xe0\x3f",
		"\x12\x00", "\x12\x02\x0a\x00", "\x0a\x00", "",
		"\x0a\x09\x0a\x07\x0a\x05\x08\x01\x10\x01\x18\x03", // categorical
	} {
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(record))), record+"the next record....."...))
	}
	lim := DefaultLimits()
	f.Fuzz(func(t *testing.T, data []byte) {
		var fast, general Tree
		got, want := TreeNode{Feature: -1}, TreeNode{Feature: -1}
		size := fast.fastNode(&got, data)
		if size == 0 {
			return
		}
		record, rest, err := nextRecord(data)
		if err == nil {
			err = general.nodeProto(&want, record, lim)
		}
		if err != nil || len(data)-len(rest) != size {
			t.Fatalf("%x: %d bytes read as %+v, the general reader returned %v", data, size, got, err)
		}
		if math.Float64bits(got.Threshold) != math.Float64bits(want.Threshold) {
			t.Fatalf("%x: %+v, expected %+v", data, got, want)
		}
		got.Threshold, want.Threshold = 0, 0
		if got != want || len(fast.Values) != len(general.Values) {
			t.Fatalf("%x: %+v, expected %+v", data, got, want)
		}
		for i, v := range fast.Values {
			if math.Float64bits(v) != math.Float64bits(general.Values[i]) {
				t.Fatalf("%x: value %d", data, i)
			}
		}
	})
}

// TestFastNodeReadsCommonRecords checks that the common records do not need the general reader.
func TestFastNodeReadsCommonRecords(t *testing.T) {
	for record, want := range map[string]TreeNode{
		"\x00\x00\x00\x11\x0a\x0f\x0a\x0d\x12\x0b\x08\x02\x11\x00\x00\x00\x00\x00\x00\xe0\x3f":             {Feature: 2, Threshold: 0.5},
		"\x00\x00\x00\x12\x0a\x10\x0a\x0e\x12\x0c\x08\x81\x02\x11\x00\x00\x00\x00\x00\x00\xe0\x3f":         {Feature: 257, Threshold: 0.5},
		"\x00\x00\x00\x0f\x0a\x0d\x0a\x0b\x12\x09\x11\x00\x00\x00\x00\x00\x00\xe0\x3f":                     {Threshold: 0.5},
		"\x00\x00\x00\x0c\x12\x0a\x0a\x08\x00\x00\x00\x00\x00\x00\xe0\x3f":                                 {Feature: -1, Hi: 1},
		"\x00\x00\x00\x14\x12\x12\x0a\x10\x00\x00\x00\x00\x00\x00\xe0\x3f\x00\x00\x00\x00\x00\x00\xe0\xbf": {Feature: -1, Hi: 2},
	} {
		var tree Tree
		got := TreeNode{Feature: -1}
		if size := tree.fastNode(&got, []byte(record+"another record")); size != len(record) || got != want {
			t.Errorf("%x: %d bytes, %+v, expected %+v", record, size, got, want)
		}
	}
}
