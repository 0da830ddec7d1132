package ops

import (
	"math"

	"leapline/scorer/engine"
)

// linear_svc computes m = features . coefficients + intercept and raw = [-m, m]. The class is 1 if m is above the threshold.
func init() { engine.Register("linear_svc", newLinearSVC) }

type linearSVC struct {
	in                   features
	raw                  engine.VectorOut
	prediction           engine.NumberOut
	coefficients         []float64
	intercept, threshold float64
}

func newLinearSVC(s *engine.Stage) engine.Step {
	s.Predicts()
	t := linearSVC{coefficients: s.Tensor("coefficients"), intercept: s.Float("intercept"), threshold: s.Float("threshold")}
	if n := s.Long("num_classes"); n != 2 || math.IsNaN(t.threshold) {
		s.Fail("num_classes is %d and threshold %v, expected 2 and a number", n, t.threshold)
	}
	t.in = newFeatures(s, len(t.coefficients))
	t.raw, t.prediction = s.NewVector("raw_prediction", 2), s.NewNumber("prediction")
	s.Describe("2 classes, %s", plural(len(t.coefficients), "coefficient"))
	return t
}

func (t linearSVC) Run(r *engine.Row) error {
	m, err := t.in.dot(r, t.coefficients)
	if err != nil {
		return err
	}
	m += t.intercept
	raw := t.raw.Buffer(r)
	raw[0], raw[1] = -m, m
	t.prediction.Set(r, aboveThreshold(m, t.threshold))
	return nil
}
