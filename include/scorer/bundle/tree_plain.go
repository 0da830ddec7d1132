package bundle

import (
	"encoding/binary"
	"math"
)

// Nearly every tree record is a continuous split or a leaf, in the one form that protobuf's writers give it. These are
// read here without the general reader, which takes ten times as long; anything else is left to it.

// plainNode reads a record of that form; false when it is of another.
func (t *Tree) plainNode(record []byte, lim Limits) (TreeNode, bool) {
	if len(record) < 2 || int(record[1]) != len(record)-2 || record[1] > 127 {
		return TreeNode{}, false
	}
	switch record[0] {
	case 1<<3 | wireBytes: // internal
		return plainSplit(record[2:])
	case 2<<3 | wireBytes: // leaf
		return t.plainLeaf(record[2:], lim)
	}
	return TreeNode{}, false
}

// plainSplit reads an internal node's split, the continuous kind: feature, then threshold, of which zeros are left out.
func plainSplit(b []byte) (TreeNode, bool) {
	if len(b) < 4 || b[0] != 1<<3|wireBytes || int(b[1]) != len(b)-2 || b[2] != 2<<3|wireBytes || int(b[3]) != len(b)-4 {
		return TreeNode{}, false
	}
	var node TreeNode
	b = b[4:]
	if len(b) > 1 && b[0] == 1<<3|wireVarint {
		feature, n := binary.Uvarint(b[1:])
		if n <= 0 || feature > math.MaxInt32 {
			return TreeNode{}, false
		}
		node.Feature = int32(feature)
		b = b[1+n:]
	}
	switch {
	case len(b) == 0:
		return node, true
	case len(b) == 9 && b[0] == 2<<3|wireFixed8:
		node.Threshold = math.Float64frombits(binary.LittleEndian.Uint64(b[1:]))
		return node, true
	}
	return TreeNode{}, false
}

// plainLeaf reads a leaf's packed values.
func (t *Tree) plainLeaf(b []byte, lim Limits) (TreeNode, bool) {
	if len(b) < 2 || b[0] != 1<<3|wireBytes || int(b[1]) != len(b)-2 || (len(b)-2)%8 != 0 || len(b)/8 > lim.List {
		return TreeNode{}, false
	}
	node := TreeNode{Feature: -1, Lo: int32(len(t.Values))}
	for b = b[2:]; len(b) > 0; b = b[8:] {
		t.Values = append(t.Values, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	node.Hi = int32(len(t.Values))
	return node, true
}
