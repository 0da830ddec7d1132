package benchmarks

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"leapline/scorer/benchmarks/treepb"
	"leapline/scorer/bundle"
)

// BenchmarkReadTrees reads all trees of the bundle into bundle.Tree from uncompressed files. The scorer's reader also computes
// the checksums of the zip.
func BenchmarkReadTrees(b *testing.B) {
	files := treeFiles(b)
	reader := scorerReader(b)
	for name, readAll := range map[string]func() error{
		"scorer":    reader,
		"protowire": func() error { return eachTree(files, readProtowire) },
		"protobuf":  func() error { return eachTree(files, readProtobuf) },
	} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for _, data := range files {
				size += len(data)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := readAll(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// scorerReader returns a function that reads the trees with the scorer's reader, from a zip without compression.
func scorerReader(b *testing.B) func() error {
	data := stored(b)
	return func() error {
		archive, err := bundle.Read("model.zip", data, bundle.DefaultLimits())
		if err != nil {
			return err
		}
		return readTrees(archive, func(*bundle.Tree) {})
	}
}

// readTrees reads the trees of an archive's last stage.
func readTrees(archive *bundle.Archive, use func(*bundle.Tree)) error {
	root, err := archive.Root()
	if err != nil {
		return err
	}
	forest := root.Children[len(root.Children)-1]
	names, err := forest.Model.Texts("trees")
	if err != nil {
		return err
	}
	trees := forest.Trees()
	for _, name := range names {
		if err := trees.Read(name); err != nil {
			return err
		}
		use(&trees.Tree)
	}
	return nil
}

// eachTree reads the records of tree files with read. Like the scorer's reader it reuses the memory of the tree.
func eachTree(files [][]byte, read func(t *bundle.Tree, record []byte) error) error {
	var tree bundle.Tree
	for _, data := range files {
		tree.Nodes, tree.Values = tree.Nodes[:0], tree.Values[:0]
		for len(data) > 0 {
			n := binary.BigEndian.Uint32(data)
			if err := read(&tree, data[4:4+n]); err != nil {
				return err
			}
			data = data[4+n:]
		}
	}
	return nil
}

var errNode = errors.New("invalid node")

var message treepb.Node

func readProtobuf(t *bundle.Tree, record []byte) error {
	if err := proto.Unmarshal(record, &message); err != nil {
		return err
	}
	node := bundle.TreeNode{Feature: -1, Lo: int32(len(t.Values))}
	switch kind := message.Kind.(type) {
	case *treepb.Node_Leaf:
		t.Values = append(t.Values, kind.Leaf.GetValues()...)
		node.Hi = int32(len(t.Values))
	case *treepb.Node_Internal:
		split := kind.Internal.GetSplit().GetContinuous()
		if split == nil {
			return errNode
		}
		node.Feature, node.Threshold = split.GetFeatureIndex(), split.GetThreshold()
	default:
		return errNode
	}
	t.Nodes = append(t.Nodes, node)
	return nil
}

// readProtowire reads a record like the general path of the scorer's reader, with protowire.
func readProtowire(t *bundle.Tree, record []byte) error {
	node := bundle.TreeNode{Feature: -1, Lo: int32(len(t.Values))}
	field, content, err := submessage(record)
	if err != nil {
		return err
	}
	if field == 2 {
		if _, content, err = submessage(content); err != nil {
			return err
		}
		for ; len(content) > 0; content = content[8:] {
			bits, n := protowire.ConsumeFixed64(content)
			if n < 0 {
				return protowire.ParseError(n)
			}
			t.Values = append(t.Values, math.Float64frombits(bits))
		}
		node.Hi = int32(len(t.Values))
	} else {
		if _, content, err = submessage(content); err != nil {
			return err
		}
		if field, content, err = submessage(content); err != nil || field != 2 {
			return errNode
		}
		if err := continuous(&node, content); err != nil {
			return err
		}
	}
	t.Nodes = append(t.Nodes, node)
	return nil
}

func submessage(data []byte) (protowire.Number, []byte, error) {
	field, typ, n := protowire.ConsumeTag(data)
	if n < 0 || typ != protowire.BytesType {
		return 0, nil, errNode
	}
	content, m := protowire.ConsumeBytes(data[n:])
	if m < 0 {
		return 0, nil, protowire.ParseError(m)
	}
	return field, content, nil
}

func continuous(node *bundle.TreeNode, data []byte) error {
	node.Feature = 0
	for len(data) > 0 {
		field, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		switch {
		case field == 1 && typ == protowire.VarintType:
			feature, n := protowire.ConsumeVarint(data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			node.Feature, data = int32(feature), data[n:]
		case field == 2 && typ == protowire.Fixed64Type:
			bits, n := protowire.ConsumeFixed64(data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			node.Threshold, data = math.Float64frombits(bits), data[n:]
		default:
			return errors.New("unexpected field " + strconv.Itoa(int(field)))
		}
	}
	return nil
}
