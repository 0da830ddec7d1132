package ops

import (
	"fmt"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

// one_hot_encoder returns a vector with a single 1 at the category. For c categories the vector has c elements, one more
// with handle_invalid "keep", and one fewer with drop_last. With "keep" an invalid category has number c. A category that
// exceeds the vector results in zeros. MLeap always declares c elements. The old form has an attribute "size" for a single
// column; without handle_invalid it means "keep" if drop_last is set, like in MLeap.
func init() { engine.Register("one_hot_encoder", newOneHot) }

// sparseFrom is the width from which one-hot vectors, and vectors assembled from them, are stored as indices and values.
const sparseFrom = 64

type oneHot struct {
	columns []hotColumn
	keep    bool
}

type hotColumn struct {
	in         engine.Number
	out        engine.VectorOut
	categories int
	width      int
}

func newOneHot(s *engine.Stage) engine.Step {
	t := oneHot{keep: handleInvalid(s, "error", "keep") == "keep"}
	dropLast := true
	var sizes []int64
	if s.Has("category_sizes") {
		dropLast = s.Bool("drop_last")
		sizes = s.Ints("category_sizes")
	} else {
		if s.Has("drop_last") {
			dropLast = s.Bool("drop_last")
		}
		if !s.Has("handle_invalid") {
			t.keep = dropLast
		}
		sizes = []int64{s.Long("size")}
	}
	if len(sizes) == 0 || len(sizes) > s.Inputs() {
		s.Fail("category_sizes has %d sizes for %d input ports", len(sizes), s.Inputs())
	}
	for i, size := range sizes {
		if s.Failed() {
			return nil
		}
		t.columns = append(t.columns, newHotColumn(s, i, len(sizes), size, t.keep, dropLast))
	}
	s.Describe("%s, %v categories", plural(len(sizes), "column"), sizes)
	return t
}

const maxCategories = 4 << 20

func newHotColumn(s *engine.Stage, i, n int, size int64, keep, dropLast bool) hotColumn {
	if size < 1 || size > maxCategories {
		s.Fail("column %d has %d categories, expected 1 to %d", i, size, maxCategories)
		return hotColumn{}
	}
	c := hotColumn{categories: int(size), width: int(size)}
	if keep {
		c.width++
	}
	if dropLast {
		c.width--
	}
	in, out := portNames(s, i, n)
	c.in = s.Number(in, false)
	if declared := frame.VectorOf(c.categories); c.width < sparseFrom {
		c.out = s.NewDeclaredVector(out, c.width, declared)
	} else {
		c.out = s.NewSparse(out, c.width, 1, declared)
	}
	return c
}

func (t oneHot) Run(r *engine.Row) error {
	for i := range t.columns {
		c := &t.columns[i]
		x, err := c.in.Get(r)
		if err != nil {
			return err
		}
		hot := c.categories
		if x >= 0 && x < float64(c.categories) {
			hot = int(x)
		} else if !t.keep {
			return fmt.Errorf("column %q has category %v, expected a category below %d", c.in.Name(), x, c.categories)
		}
		if c.width >= sparseFrom {
			if v := c.out.SparseBuffer(r); hot < c.width {
				v.Add(hot, 1)
			}
			continue
		}
		v := c.out.Buffer(r)
		c.out.SetSparseInSpark(r, true)
		clear(v)
		if hot < len(v) {
			v[hot] = 1
		}
	}
	return nil
}
