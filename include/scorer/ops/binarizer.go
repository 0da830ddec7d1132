package ops

import (
	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// binarizer returns 1 for values above the threshold, else 0, for a double or each element of a vector.
func init() { engine.Register("binarizer", newBinarizer) }

type binarizer struct {
	in        engine.Number
	out       engine.NumberOut
	threshold float64
}

type vectorBinarizer struct {
	in        engine.Vector
	out       engine.VectorOut
	threshold float64
}

func newBinarizer(s *engine.Stage) engine.Step {
	threshold := 0.0
	if s.Has("threshold") {
		threshold = s.Float("threshold")
	}
	s.Describe("above %v", threshold)
	shape := s.Shape("input_shapes")
	if shape.Base == bundle.ShapeScalar {
		return binarizer{s.Number("input", shape.Nullable), s.NewNumber("output"), threshold}
	}
	in := s.Dense(assembledVector(s, "input", shape))
	return vectorBinarizer{in, s.NewVector("output", in.Width), threshold}
}

func (t binarizer) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	t.out.Set(r, aboveThreshold(x, t.threshold))
	return nil
}

func (t vectorBinarizer) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)
	for i, x := range in {
		out[i] = aboveThreshold(x, t.threshold)
	}
	t.out.SetCompressed(r)
	return nil
}

func aboveThreshold(x, threshold float64) float64 {
	if x > threshold {
		return 1
	}
	return 0
}
