package ops

import (
	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

func vectorType(width int) frame.Type { return frame.VectorOf(width) }

// dot sums products of a and as many of b, from the first to the last.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}

// features is the input of a model, in either form.
type features struct{ engine.Vector }

func newFeatures(s *engine.Stage, width int) features {
	return features{s.AnyVector("features", width)}
}

// dot gives the product of the row's features with the coefficients.
func (f features) dot(r *engine.Row, coefficients []float64) (float64, error) {
	if !f.Sparse {
		v, err := f.Of(r)
		if err != nil {
			return 0, err
		}
		return dot(v, coefficients), nil
	}
	v, err := f.SparseOf(r)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for k, i := range v.Index {
		sum += float64(v.Value[k] * coefficients[i])
	}
	return sum, nil
}

// linear_regression: the features times the coefficients, plus the intercept.
func init() { engine.Register("linear_regression", newLinearRegression) }

type linearRegression struct {
	in           features
	out          engine.NumberOut
	coefficients []float64
	intercept    float64
}

func newLinearRegression(s *engine.Stage) engine.Step {
	s.Predicts()
	w := s.Tensor("coefficients")
	s.Describe("%s", plural(len(w), "coefficient"))
	return linearRegression{
		in: newFeatures(s, len(w)), out: s.NewNumber("prediction"), coefficients: w, intercept: s.Float("intercept"),
	}
}

func (t linearRegression) Run(r *engine.Row) error {
	m, err := t.in.dot(r, t.coefficients)
	if err != nil {
		return err
	}
	t.out.Set(r, m+t.intercept)
	return nil
}
