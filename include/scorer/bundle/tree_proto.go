package bundle

import (
	"fmt"
	"math"
)

// nodeProto reads one record: field 1 is an internal node with its split, field 2 a leaf.
func (t *Tree) nodeProto(node *TreeNode, record []byte, lim Limits) error {
	seen := false
	for w := (protoReader{buf: record}); ; {
		more, err := w.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if w.field > 2 {
			continue
		}
		if seen {
			return errNode
		}
		seen = true
		if w.field == 2 {
			err = t.leafProto(node, &w, lim)
		} else {
			err = t.internalProto(node, &w, lim)
		}
		if err != nil {
			return err
		}
	}
	if !seen {
		return errNode
	}
	return nil
}

func (t *Tree) leafProto(node *TreeNode, outer *protoReader, lim Limits) error {
	if err := outer.expect(wireBytes); err != nil {
		return err
	}
	node.Lo = int32(len(t.Values))
	for w := (protoReader{buf: outer.data}); ; {
		more, err := w.next()
		if err == nil && w.field == 1 && more {
			t.Values, err = w.doubles(t.Values, int(node.Lo)+lim.List)
		}
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	node.Hi = int32(len(t.Values))
	return nil
}

// internalProto reads the split of an internal node: field 1 is a categorical split, field 2 a continuous one.
func (t *Tree) internalProto(node *TreeNode, outer *protoReader, lim Limits) error {
	if err := outer.expect(wireBytes); err != nil {
		return err
	}
	split := protoReader{buf: outer.data}
	if more, err := split.next(); err != nil || !more || split.field != 1 || split.wireType != wireBytes || len(split.buf) > 0 {
		return errNode
	}
	kind := protoReader{buf: split.data}
	if more, err := kind.next(); err != nil || !more || len(kind.buf) > 0 {
		return errNode
	}
	if err := kind.expect(wireBytes); err != nil {
		return err
	}
	node.Feature = 0
	switch kind.field {
	case 1:
		return t.categoricalProto(node, &kind, lim)
	case 2:
		return node.continuousProto(kind.data)
	}
	return errNode
}

func (n *TreeNode) continuousProto(data []byte) error {
	for w := (protoReader{buf: data}); ; {
		more, err := w.next()
		if err != nil || !more {
			return err
		}
		switch w.field {
		case 1:
			err = n.setFeature(&w)
		case 2:
			err = w.expect(wireFixed8)
			n.Threshold = math.Float64frombits(w.value)
		}
		if err != nil {
			return err
		}
	}
}

func (n *TreeNode) setFeature(w *protoReader) error {
	if err := w.expect(wireVarint); err != nil {
		return err
	}
	if w.value > math.MaxInt32 {
		return fmt.Errorf("feature index %d is out of range", w.value)
	}
	n.Feature = int32(w.value)
	return nil
}

func (t *Tree) categoricalProto(node *TreeNode, w *protoReader, lim Limits) error {
	node.Lo = int32(len(t.Categories))
	err := w.submessage(func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			err = node.setFeature(w)
		case 2:
			err = w.expect(wireVarint)
			node.IsLeft = w.value != 0
		case 3:
			if err = w.expect(wireVarint); err == nil && w.value > uint64(lim.List) {
				err = fmt.Errorf("%d categories, the limit is %d", w.value, lim.List)
			}
			node.NumCategories = int32(w.value)
		case 4:
			t.Categories, err = w.doubles(t.Categories, int(node.Lo)+lim.List)
		}
		return err
	})
	node.Hi = int32(len(t.Categories))
	if err == nil {
		err = t.checkCategories(node)
	}
	return err
}
