package bundle

import (
	"encoding/binary"
	"math"
)

// Nearly every tree record is a continuous split or a leaf, in the one form that protobuf's writers give it. These are
// read here without the general reader, which takes ten times as long; anything else is left to it.

// plainNode reads a record of that form; false when it is of another.
func (t *Tree) plainNode(node *TreeNode, record []byte, lim Limits) bool {
	if len(record) < 2 || int(record[1]) != len(record)-2 || record[1] > 127 {
		return false
	}
	switch record[0] {
	case 1<<3 | wireBytes: // internal
		return node.plainSplit(record[2:])
	case 2<<3 | wireBytes: // leaf
		return t.plainLeaf(node, record[2:], lim)
	}
	return false
}

// plainSplit reads an internal node's split, the continuous kind: feature, then threshold, of which zeros are left out.
func (n *TreeNode) plainSplit(b []byte) bool {
	if len(b) < 4 || b[0] != 1<<3|wireBytes || int(b[1]) != len(b)-2 || b[2] != 2<<3|wireBytes || int(b[3]) != len(b)-4 {
		return false
	}
	b = b[4:]
	feature, threshold := uint64(0), 0.0
	if len(b) > 1 && b[0] == 1<<3|wireVarint {
		size := 0
		if feature, size = binary.Uvarint(b[1:]); size <= 0 || feature > math.MaxInt32 {
			return false
		}
		b = b[1+size:]
	}
	switch {
	case len(b) == 0:
	case len(b) == 9 && b[0] == 2<<3|wireFixed8:
		threshold = math.Float64frombits(binary.LittleEndian.Uint64(b[1:]))
	default:
		return false
	}
	n.Feature, n.Threshold = int32(feature), threshold
	return true
}

// plainLeaf reads a leaf's packed values.
func (t *Tree) plainLeaf(node *TreeNode, b []byte, lim Limits) bool {
	if len(b) < 2 || b[0] != 1<<3|wireBytes || int(b[1]) != len(b)-2 || (len(b)-2)%8 != 0 || len(b)/8 > lim.List {
		return false
	}
	node.Lo = int32(len(t.Values))
	for b = b[2:]; len(b) > 0; b = b[8:] {
		t.Values = append(t.Values, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	node.Hi = int32(len(t.Values))
	return true
}
