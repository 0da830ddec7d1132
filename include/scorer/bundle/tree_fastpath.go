package bundle

import (
	"encoding/binary"
	"math"
)

// Nearly every tree record is a continuous split or a leaf, in the one form that protobuf's writers give it: with its
// length before it, its bytes but for the numbers are always the same. These are read here without the general reader,
// which takes ten times as long; anything else is left to it.
const (
	splitOneByteFeature = 0x0000_0011_0a0f_0a0d // of a feature from 1 to 127: ... 12 0b 08 feature 11 threshold
	splitTwoByteFeature = 0x0000_0012_0a10_0a0e // of a feature from 128 on: ... 12 0c 08 feature in two bytes 11 threshold
	splitFeatureZero    = 0x0000_000f_0a0d_0a0b // of feature 0, which is left out: ... 12 09 11 threshold
	leafOneValue        = 0x0000_000c_120a_0a08 // of one value
	leafTwoValues       = 0x0000_0014_1212_0a10 // of two
)

// plainNode reads the record that data begins with, if it is of such a form, and gives its size; else 0.
func (t *Tree) fastNode(node *TreeNode, data []byte) int {
	if len(data) < 24 {
		return 0 // the last record of a tree may be so short
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
