package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"

	"leapline/scorer/internal/jsonscan"
)

// Tree is a decision tree in pre-order: a split's left child follows it, its right child is at Right.
type Tree struct {
	Nodes      []TreeNode
	Values     []float64 // of all leaves
	Categories []float64 // of all categorical splits
	Depth      int       // splits above the deepest leaf

	buffer  []byte // kept for its memory, as is:
	pending []pendingSplit
}

// TreeNode is a leaf or a split.
type TreeNode struct {
	Feature       int32 // -1 for a leaf
	Right         int32
	Lo, Hi        int32 // a leaf's Values, a categorical split's Cats
	Threshold     float64
	NumCategories int32 // number of categories; 0 for a continuous split
	IsLeft        bool  // of a categorical split: Cats go left, else right
}

var (
	errTruncatedTree = errors.New("ends inside a tree")
	errNode          = errors.New("is neither a split nor a leaf")
	errThreshold     = errors.New("its threshold is not a number")
)

// Tree reads the tree file of a folder into t, keeping t's memory.
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
		err = fmt.Errorf("takes the archive over %d tree nodes", a.lim.Nodes)
	}
	return entryErr(entry, err)
}

// growProto reads the nodes of a tree in protobuf.
func (t *Tree) parseProto(rest []byte, lim Limits) error {
	useFastPath := lim.List >= 2 // values of a plain leaf, at most
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

// waiting is a split whose right child is still to come.
type pendingSplit struct{ at, level int32 }

// grow reads nodes in pre-order until the root is complete.
func (t *Tree) readNodes(lim Limits, read func(*TreeNode) error) error {
	level := int32(0)
	for at := int32(0); ; at++ {
		if int(at) >= lim.Nodes {
			return fmt.Errorf("has more than %d nodes", lim.Nodes)
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

// framed cuts one record with its 4-byte big-endian length off the front.
func nextRecord(data []byte) (record, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errTruncatedTree
	}
	n := binary.BigEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, fmt.Errorf("a record of %d bytes where %d are left", n, len(data)-4)
	}
	return data[4 : 4+n], data[4+n:], nil
}
