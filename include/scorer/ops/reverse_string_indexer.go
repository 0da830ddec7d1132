package ops

import (
	"fmt"
	"math"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// reverse_string_indexer returns the label at an index, truncated to an integer.
func init() { engine.Register("reverse_string_indexer", newReverseIndexer) }

type reverseIndexer struct {
	in     engine.Number
	out    engine.TextOut
	labels []string
}

func newReverseIndexer(s *engine.Stage) engine.Step {
	t := reverseIndexer{in: s.Number("input", false), out: s.NewText("output"), labels: s.Strings("labels")}
	if s.Has("input_shape") && s.Shape("input_shape").Base != bundle.ShapeScalar {
		s.Fail("input_shape is not a scalar; vectors of indices are not supported")
	}
	s.Describe("%s", plural(len(t.labels), "label"))
	return t
}

func (t reverseIndexer) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	if x = math.Trunc(x); !(x >= 0 && x < float64(len(t.labels))) {
		return fmt.Errorf("column %q has index %v, expected an index below %d", t.in.Name(), x, len(t.labels))
	}
	t.out.Set(r, t.labels[int(x)])
	return nil
}
