package bundle

import (
	"errors"
	"fmt"
	"math"

	"leapline/scorer/internal/jsonscan"
)

// ClusterNode is one node of a cluster tree.
type ClusterNode struct {
	Index  int // number of the cluster, for a leaf
	Parent int // position of the parent, -1 for the root
	Centre []float64
}

var errCluster = errors.New("index, norm, values and numChildren are required")

// ClusterTree returns the cluster tree in the node's folder, in pre-order. In the file each record is followed by the
// subtrees of its children.
func (n *Node) ClusterTree() ([]ClusterNode, error) {
	a := n.archive
	entry := join(n.Dir, "tree"+a.ext())
	data, err := a.read(entry)
	if err != nil {
		return nil, err
	}
	var next func() (ClusterNode, int, error)
	if a.Format == "json" {
		s := jsonscan.New(data)
		next = func() (ClusterNode, int, error) { return clusterJSON(s, a.lim) }
	} else {
		next = func() (node ClusterNode, children int, err error) {
			var record []byte
			if record, data, err = nextRecord(data); err != nil {
				return node, 0, err
			}
			return clusterProto(record, a.lim)
		}
	}
	tree, err := readClusters(a.lim, next)
	return tree, entryErr(entry, err)
}

// readClusters reads nodes until all children have been read.
func readClusters(lim Limits, next func() (ClusterNode, int, error)) (tree []ClusterNode, err error) {
	type pendingNode struct{ at, children int }
	stack := []pendingNode{{-1, 1}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if top.children == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		top.children--
		if len(tree) >= lim.List || len(stack) > lim.Depth {
			return nil, fmt.Errorf("exceeds the limit of %d nodes or %d levels", lim.List, lim.Depth)
		}
		node, children, err := next()
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", len(tree), err)
		}
		node.Parent = top.at
		tree = append(tree, node)
		stack = append(stack, pendingNode{len(tree) - 1, children})
	}
	return tree, nil
}

func clusterJSON(s *jsonscan.Scanner, lim Limits) (node ClusterNode, children int, err error) {
	if s.Peek() == 0 {
		return node, 0, errTruncatedTree
	}
	seen := map[string]bool{}
	err = s.Members(func(key string) (err error) {
		if seen[key] {
			return s.Errorf("%.40q is duplicated", key)
		}
		seen[key] = true
		switch key {
		case "index":
			var n int64
			n, err = s.Int()
			node.Index = int(n)
		case "numChildren":
			var n int32
			n, err = readIndex(s, lim.List)
			children = int(n)
		case "norm":
			_, err = s.FloatOrNull()
		case "values":
			node.Centre, err = readFloats(s, nil, lim.List)
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil && !(seen["index"] && seen["numChildren"] && seen["norm"] && seen["values"]) {
		err = errCluster
	}
	return node, children, err
}

// clusterProto reads one record with the fields 1 index, 2 norm, 3 values and 4 number of children.
func clusterProto(record []byte, lim Limits) (node ClusterNode, children int, err error) {
	err = readMessage(record, func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			err = w.expect(wireVarint)
			node.Index = int(int32(w.value))
		case 2:
			err = w.expect(wireFixed8)
		case 3:
			node.Centre, err = w.doubles(node.Centre, lim.List)
		case 4:
			if err = w.expect(wireVarint); err == nil && w.value > uint64(min(lim.List, math.MaxInt32)) {
				err = fmt.Errorf("%d children, the limit is %d", w.value, lim.List)
			}
			children = int(w.value)
		}
		return err
	})
	return node, children, err
}
