package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"leapline/scorer/internal/jsonscan"
)

// Tree is a decision tree in pre-order: the left child of a split is the next node, the right child is at Right.
type Tree struct {
	Nodes      []TreeNode
	Values     []float64 // values of all leaves
	Categories []float64 // categories of all categorical splits
	Depth      int       // number of splits above the deepest leaf

	buffer  []byte // reused memory
	pending []pendingSplit
}

// TreeNode is a leaf or a split.
type TreeNode struct {
	Feature       int32 // index of the feature, -1 for a leaf
	Right         int32
	Lo, Hi        int32 // range in Values of a leaf, or in Categories of a categorical split
	Threshold     float64
	NumCategories int32 // number of categories; 0 for a continuous split
	IsLeft        bool  // whether the Categories of a categorical split go left instead of right
}

var (
	errTruncatedTree = errors.New("truncated within the tree")
	errNode          = errors.New("is neither a split nor a leaf")
	errThreshold     = errors.New("threshold is NaN")
)

// Tree reads the tree file of a folder into t and reuses its memory.
func (n *Node) Tree(dir string, t *Tree) error {
	a := n.archive
	entry := join(dir, "tree"+a.ext())
	data, err := a.readInto(t.buffer, entry)
	if err != nil {
		return err
	}
	*t = Tree{Nodes: t.Nodes[:0], Values: t.Values[:0], Categories: t.Categories[:0], buffer: data, pending: t.pending[:0]}
	if a.Format == "json" {
		s := jsonscan.New(data)
		err = t.readNodes(a.lim, func(node *TreeNode) error { return t.nodeJSON(node, s, a.lim) })
	} else {
		err = t.parseProto(data, a.lim)
	}
	if err == nil && a.treeNodes.Add(int64(len(t.Nodes))) > int64(a.lim.Nodes) {
		err = fmt.Errorf("exceeds the archive's limit of %d tree nodes", a.lim.Nodes)
	}
	return entryErr(entry, err)
}

// parseProto reads the nodes of a tree in protobuf.
func (t *Tree) parseProto(rest []byte, lim Limits) error {
	useFastPath := lim.List >= 2 // the fast path reads leaves of at most two values
	return t.readNodes(lim, func(node *TreeNode) (err error) {
		if useFastPath {
			if size := t.fastNode(node, rest); size > 0 {
				rest = rest[size:]
				return nil
			}
		}
		var record []byte
		if record, rest, err = nextRecord(rest); err != nil {
			return err
		}
		return t.nodeProto(node, record, lim)
	})
}

// pendingSplit is a split whose right child has not been read yet.
type pendingSplit struct{ at, level int32 }

// readNodes reads nodes in pre-order until the tree is complete.
func (t *Tree) readNodes(lim Limits, read func(*TreeNode) error) error {
	level := int32(0)
	for at := int32(0); ; at++ {
		if int(at) >= lim.Nodes {
			return fmt.Errorf("exceeds the limit of %d nodes", lim.Nodes)
		}
		t.Nodes = append(t.Nodes, TreeNode{Feature: -1})
		node := &t.Nodes[at]
		err := read(node)
		if err == nil && node.Threshold != node.Threshold {
			err = errThreshold
		}
		if err != nil {
			return fmt.Errorf("node %d: %w", at, err)
		}
		if node.Feature >= 0 {
			t.pending = append(t.pending, pendingSplit{at, level})
			if level++; int(level) > lim.Depth {
				return fmt.Errorf("is deeper than %d splits", lim.Depth)
			}
			continue
		}
		t.Depth = max(t.Depth, int(level))
		last := len(t.pending) - 1
		if last < 0 {
			return nil
		}
		t.Nodes[t.pending[last].at].Right = at + 1
		level = t.pending[last].level + 1
		t.pending = t.pending[:last]
	}
}

// nextRecord splits off the first record, which has a big-endian length of 4 bytes in front of it.
func nextRecord(data []byte) (record, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errTruncatedTree
	}
	n := binary.BigEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, fmt.Errorf("record of %d bytes, but %d bytes remain", n, len(data)-4)
	}
	return data[4 : 4+n], data[4+n:], nil
}
