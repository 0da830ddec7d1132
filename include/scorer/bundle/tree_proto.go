package bundle

import (
	"fmt"
	"math"
)

// nodeProto reads one record: 1 an internal node with its split, or 2 a leaf.
func (t *Tree) nodeProto(record []byte, lim Limits) (node TreeNode, err error) {
	node.Feature = -1
	known := false
	err = message(record, func(w *wire) error {
		if w.num > 2 {
			return nil
		}
		if known {
			return errNode
		}
		known = true
		if w.num == 2 {
			return t.leafProto(&node, w, lim)
		}
		split := false
		err := w.sub(func(w *wire) error {
			if w.num != 1 || split {
				return errNode
			}
			split = true
			return t.splitProto(&node, w, lim)
		})
		if err == nil && node.Feature < 0 {
			err = errNode
		}
		return err
	})
	if err == nil && !known {
		err = errNode
	}
	return node, err
}

func (t *Tree) leafProto(node *TreeNode, w *wire, lim Limits) error {
	node.Lo = int32(len(t.Values))
	err := w.sub(func(w *wire) (err error) {
		if w.num == 1 {
			t.Values, err = w.doubles(t.Values, int(node.Lo)+lim.List)
		}
		return err
	})
	node.Hi = int32(len(t.Values))
	return err
}

// splitProto reads a split: 1 categorical or 2 continuous.
func (t *Tree) splitProto(node *TreeNode, w *wire, lim Limits) error {
	return w.sub(func(w *wire) error {
		if w.num > 2 {
			return nil
		}
		if node.Feature >= 0 {
			return errNode
		}
		node.Feature = 0
		if w.num == 2 {
			return node.continuousProto(w)
		}
		return t.categoricalProto(node, w, lim)
	})
}

func (n *TreeNode) continuousProto(w *wire) error {
	return w.sub(func(w *wire) (err error) {
		switch w.num {
		case 1:
			err = n.setFeature(w)
		case 2:
			err = w.expect(wireFixed8)
			n.Threshold = math.Float64frombits(w.bits)
		}
		return err
	})
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
