package bundle

import (
	"encoding/binary"
	"math"
)

// Nearly every tree record is a continuous split or a leaf as protobuf writers encode them. Their bytes, including the
// length of the record, are always the same except for the numbers. fastNode recognises them by their first 8 bytes and
// is ten times faster than the general reader, which reads all other records.
const (
	splitOneByteFeature = 0x0000_0011_0a0f_0a0d // feature 1 to 127: ... 12 0b 08 feature 11 threshold
	splitTwoByteFeature = 0x0000_0012_0a10_0a0e // feature 128 or more: ... 12 0c 08 feature (two bytes) 11 threshold
	splitFeatureZero    = 0x0000_000f_0a0d_0a0b // feature 0, which is omitted: ... 12 09 11 threshold
	leafOneValue        = 0x0000_000c_120a_0a08
	leafTwoValues       = 0x0000_0014_1212_0a10
)

// fastNode reads the record at the start of data if it has one of these forms, and returns its size, else 0.
func (t *Tree) fastNode(node *TreeNode, data []byte) int {
	if len(data) < 24 {
		return 0 // too short to read without bounds checks, as the last record of a tree may be
	}
	switch binary.BigEndian.Uint64(data) {
	case leafTwoValues:
		node.Lo = int32(len(t.Values))
		t.Values = append(t.Values, littleEndianDouble(data[8:]), littleEndianDouble(data[16:]))
		node.Hi = node.Lo + 2
		return 24
	case splitOneByteFeature:
		if binary.BigEndian.Uint32(data[8:])&0xffff_ff80 != 0x120b_0800 || data[12] != 0x11 {
			return 0
		}
		node.Feature, node.Threshold = int32(data[11]), littleEndianDouble(data[13:])
		return 21
	case splitTwoByteFeature:
		if binary.BigEndian.Uint32(data[8:])&0xffff_ff80 != 0x120c_0880 || data[12] > 127 || data[13] != 0x11 {
			return 0
		}
		node.Feature, node.Threshold = int32(data[11]&127)|int32(data[12])<<7, littleEndianDouble(data[14:])
		return 22
	case splitFeatureZero:
		if binary.BigEndian.Uint32(data[8:])>>8 != 0x1209_11 {
			return 0
		}
		node.Feature, node.Threshold = 0, littleEndianDouble(data[11:])
		return 19
	case leafOneValue:
		node.Lo = int32(len(t.Values))
		t.Values = append(t.Values, littleEndianDouble(data[8:]))
		node.Hi = node.Lo + 1
		return 16
	}
	return 0
}

func littleEndianDouble(data []byte) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(data))
}
