package ops

import (
	"slices"

	"leapline/scorer/engine"
)

// Ops that select elements of a vector:
//
//	vector_slicer     the elements at indices, then those at named_indices, in this order
//	chi_sq_selector   the elements at filter_indices, which are ascending; also for Spark's other feature selectors
func init() {
	engine.Register("vector_slicer", newVectorSlicer)
	engine.Register("chi_sq_selector", newChiSqSelector)
}

type elementSelector struct {
	in        engine.Vector
	out       engine.VectorOut
	positions []int
	order     []selectedElement // by position in the input, for sparse vectors
}

type selectedElement struct{ from, to int }

func newVectorSlicer(s *engine.Stage) engine.Step {
	positions := s.Longs("indices")
	names, named := s.Strings("names"), s.Ints("named_indices")
	if len(names) != len(named) {
		s.Fail("the model has %d names and %d named_indices, expected equal numbers", len(names), len(named))
	}
	return newSelector(s, slices.Concat(positions, named))
}

func newChiSqSelector(s *engine.Stage) engine.Step {
	positions := s.Longs("filter_indices")
	if !slices.IsSorted(positions) {
		s.Fail("attribute \"filter_indices\" must be ascending")
	}
	return newSelector(s, positions)
}

func newSelector(s *engine.Stage, positions []int64) engine.Step {
	width := int(s.Int("input_size"))
	if !s.Failed() && (width < 1 || width > maxCategories || len(positions) == 0) {
		s.Fail("input_size is %d and the model selects %d elements, expected 1 or more", width, len(positions))
	}
	t := elementSelector{}
	seen := map[int64]bool{}
	for i, at := range positions {
		if at < 0 || at >= int64(width) || seen[at] {
			s.Fail("the model selects element %d, expected distinct elements below input_size, %d", at, width)
		}
		if s.Failed() {
			return nil
		}
		seen[at] = true
		t.positions = append(t.positions, int(at))
		t.order = append(t.order, selectedElement{int(at), i})
	}
	slices.SortFunc(t.order, func(a, b selectedElement) int { return a.from - b.from })
	if s.Failed() {
		return nil
	}
	t.in = s.AnyVector("input", width)
	if t.in.Sparse && (!slices.IsSorted(t.positions) || len(t.positions) < sparseFrom) {
		t.in = s.Dense(t.in)
	}
	if t.in.Sparse {
		t.out = s.NewSparse("output", len(t.positions), min(t.in.Bound, len(t.positions)), vectorType(len(t.positions)))
	} else {
		t.out = s.NewVector("output", len(t.positions))
	}
	s.SetSelection(t.positions)
	s.Describe("%d of %s", len(t.positions), plural(width, "value"))
	return t
}

func (t elementSelector) Run(r *engine.Row) error {
	if t.in.Sparse {
		return t.runSparse(r)
	}
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)
	for i, at := range t.positions {
		out[i] = in[at]
	}
	t.out.SetSparseInSpark(r, t.in.SparseInSpark(r))
	return nil
}

// runSparse merges the indices of the vector with the selected positions, which are both ascending.
func (t elementSelector) runSparse(r *engine.Row) error {
	in, err := t.in.GetSparse(r)
	if err != nil {
		return err
	}
	out := t.out.SparseBuffer(r)
	k := 0
	for i, index := range in.Index {
		for k < len(t.order) && t.order[k].from < int(index) {
			k++
		}
		if k < len(t.order) && t.order[k].from == int(index) {
			out.Add(t.order[k].to, in.Value[i])
		}
	}
	return nil
}
