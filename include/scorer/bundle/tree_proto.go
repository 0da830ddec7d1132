package bundle

import (
	"fmt"
	"math"
)

// nodeProto reads one record: 1 an internal node with its split, or 2 a leaf.
func (t *Tree) nodeProto(node *TreeNode, record []byte, lim Limits) error {
	known := false
	for w := (wire{buf: record}); ; {
		more, err := w.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if w.num > 2 {
			continue
		}
		if known {
			return errNode
		}
		known = true
		if w.num == 2 {
			err = t.leafProto(node, &w, lim)
		} else {
			err = t.internalProto(node, &w, lim)
		}
		if err != nil {
			return err
		}
	}
	if !known {
		return errNode
	}
	return nil
}

func (t *Tree) leafProto(node *TreeNode, outer *wire, lim Limits) error {
	if err := outer.expect(wireBytes); err != nil {
		return err
	}
	node.Lo = int32(len(t.Values))
	for w := (wire{buf: outer.data}); ; {
		more, err := w.next()
		if err == nil && w.num == 1 && more {
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

// internalProto reads an internal node's one field, its split: 1 categorical or 2 continuous.
func (t *Tree) internalProto(node *TreeNode, outer *wire, lim Limits) error {
	if err := outer.expect(wireBytes); err != nil {
		return err
	}
	split := wire{buf: outer.data}
	if more, err := split.next(); err != nil || !more || split.num != 1 || split.typ != wireBytes || len(split.buf) > 0 {
		return errNode
	}
	kind := wire{buf: split.data}
	if more, err := kind.next(); err != nil || !more || len(kind.buf) > 0 {
		return errNode
	}
	if err := kind.expect(wireBytes); err != nil {
		return err
	}
	node.Feature = 0
	switch kind.num {
	case 1:
		return t.categoricalProto(node, &kind, lim)
	case 2:
		return node.continuousProto(kind.data)
	}
	return errNode
}

func (n *TreeNode) continuousProto(data []byte) error {
	for w := (wire{buf: data}); ; {
		more, err := w.next()
		if err != nil || !more {
			return err
		}
		switch w.num {
		case 1:
			err = n.setFeature(&w)
		case 2:
			err = w.expect(wireFixed8)
			n.Threshold = math.Float64frombits(w.bits)
		}
		if err != nil {
			return err
		}
	}
}

func (n *TreeNode) setFeature(w *wire) error {
	if err := w.expect(wireVarint); err != nil {
		return err
	}
	if w.bits > math.MaxInt32 {
		return fmt.Errorf("feature index %d", w.bits)
	}
	n.Feature = int32(w.bits)
	return nil
}

func (t *Tree) categoricalProto(node *TreeNode, w *wire, lim Limits) error {
	node.Lo = int32(len(t.Cats))
	err := w.sub(func(w *wire) (err error) {
		switch w.num {
		case 1:
			err = node.setFeature(w)
		case 2:
			err = w.expect(wireVarint)
			node.IsLeft = w.bits != 0
		case 3:
			if err = w.expect(wireVarint); err == nil && w.bits > uint64(lim.List) {
				err = fmt.Errorf("%d categories, the limit is %d", w.bits, lim.List)
			}
			node.Categories = int32(w.bits)
		case 4:
			t.Cats, err = w.doubles(t.Cats, int(node.Lo)+lim.List)
		}
		return err
	})
	node.Hi = int32(len(t.Cats))
	if err == nil {
		err = t.checkCategories(node)
	}
	return err
}
