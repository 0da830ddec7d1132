package bundle

import (
	"errors"
	"fmt"
	"math"

	"leapline/scorer/internal/jsonscan"
)

// Writers encode a node in one of these forms, without spaces; the general reader reads all other forms.
const (
	leafStart           = `{"type":"leaf","values":[`
	sortedSplitStart    = `{"split":{"featureIndex":`
	splitThreshold      = `,"threshold":`
	sortedSplitEnd      = `,"type":"continuous"},"type":"internal"}`
	typeFirstSplitStart = `{"type":"internal","split":{"type":"continuous","featureIndex":`
	typeFirstSplitEnd   = `}}`
	valueEnd            = `]}`
	valueNext           = `,`
)

// nodeJSON reads one node: {"type":"leaf","values":[...]} or {"type":"internal","split":{...}}.
func (t *Tree) nodeJSON(node *TreeNode, s *jsonscan.Scanner, lim Limits) error {
	if s.Peek() == 0 {
		return errTruncatedTree
	}
	start := s.Pos()
	switch {
	case s.Literal(leafStart):
		if t.fastLeaf(node, s, lim) {
			return nil
		}
	case s.Literal(sortedSplitStart):
		if node.fastSplit(s, sortedSplitEnd) {
			return nil
		}
	case s.Literal(typeFirstSplitStart):
		if node.fastSplit(s, typeFirstSplitEnd) {
			return nil
		}
	default:
		return t.generalNodeJSON(node, s, lim)
	}
	s.Seek(start)
	*node = TreeNode{Feature: -1}
	return t.generalNodeJSON(node, s, lim)
}

// fastLeaf reads a leaf after leafStart. It returns false if the leaf has another form or is invalid.
func (t *Tree) fastLeaf(node *TreeNode, s *jsonscan.Scanner, lim Limits) bool {
	first := len(t.Values)
	for len(t.Values)-first < lim.List {
		x, err := s.Float()
		if err != nil {
			break
		}
		t.Values = append(t.Values, x)
		if s.Literal(valueEnd) {
			node.Lo, node.Hi = int32(first), int32(len(t.Values))
			return true
		}
		if !s.Literal(valueNext) {
			break
		}
	}
	t.Values = t.Values[:first]
	return false
}

// fastSplit reads a split after its start. It returns false if the split has another form or is invalid.
func (n *TreeNode) fastSplit(s *jsonscan.Scanner, end string) bool {
	var err error
	if n.Feature, err = readIndex(s, math.MaxInt32); err != nil || !s.Literal(splitThreshold) {
		return false
	}
	n.Threshold, err = s.Float()
	return err == nil && s.Literal(end)
}

// generalNodeJSON reads a node in any form.
func (t *Tree) generalNodeJSON(node *TreeNode, s *jsonscan.Scanner, lim Limits) error {
	var kind string
	var values, split int
	err := s.Members(func(key string) (err error) {
		switch key {
		case "type":
			kind, err = readString(s, lim.Text)
		case "values":
			values++
			node.Lo = int32(len(t.Values))
			t.Values, err = readFloats(s, t.Values, lim.List)
			node.Hi = int32(len(t.Values))
		case "split":
			split++
			err = t.splitJSON(node, s, lim)
		default:
			err = s.Skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case kind == "leaf" && values == 1 && split == 0, kind == "internal" && values == 0 && split == 1:
		return nil
	}
	return errNode
}

// splitJSON reads a continuous or a categorical split.
func (t *Tree) splitJSON(node *TreeNode, s *jsonscan.Scanner, lim Limits) error {
	var kind string
	seen := map[string]bool{}
	err := s.Members(func(key string) (err error) {
		seen[key] = true
		switch key {
		case "type":
			kind, err = readString(s, lim.Text)
		case "featureIndex":
			node.Feature, err = readIndex(s, math.MaxInt32)
		case "threshold":
			node.Threshold, err = s.FloatOrNull()
		case "isLeft":
			node.IsLeft, err = s.Bool()
		case "numCategories":
			node.NumCategories, err = readIndex(s, lim.List)
		case "categories":
			node.Lo = int32(len(t.Categories))
			t.Categories, err = readFloats(s, t.Categories, lim.List)
			node.Hi = int32(len(t.Categories))
		default:
			err = s.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	categorical := seen["isLeft"] && seen["numCategories"] && seen["categories"]
	switch {
	case kind == "continuous" && seen["featureIndex"] && seen["threshold"] && node.NumCategories == 0:
		return nil
	case kind == "categorical" && seen["featureIndex"] && categorical && !seen["threshold"]:
		return t.checkCategories(node)
	}
	return errors.New("split has a missing key or an invalid type")
}

// readIndex reads an integer from 0 to limit.
func readIndex(s *jsonscan.Scanner, limit int) (int32, error) {
	n, err := s.Int()
	if err == nil && (n < 0 || n > int64(limit)) {
		err = s.Errorf("%d, expected 0 to %d", n, limit)
	}
	return int32(n), err
}

// readFloats appends an array of at most limit numbers.
func readFloats(s *jsonscan.Scanner, dst []float64, limit int) ([]float64, error) {
	err := s.Elements(limit, func() error {
		x, err := s.Float()
		dst = append(dst, x)
		return err
	})
	return dst, err
}

// checkCategories rejects a categorical split whose categories are not integers below the number of categories.
func (t *Tree) checkCategories(n *TreeNode) error {
	if n.NumCategories == 0 {
		return fmt.Errorf("categorical split has 0 categories")
	}
	for _, c := range t.Categories[n.Lo:n.Hi] {
		if !(c >= 0 && c < float64(n.NumCategories)) || c != math.Trunc(c) {
			return fmt.Errorf("category %v is not an integer below %d", c, n.NumCategories)
		}
	}
	return nil
}
