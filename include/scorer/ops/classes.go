package ops

import (
	"math"

	"leapline/scorer/engine"
)

// classes is the outputs of a classifier: raw scores, probabilities and the predicted class, each optional.
type classes struct {
	raw, probability engine.VectorOut
	prediction       engine.NumberOut
	thresholds       []float64
}

// maxClasses limits the number of classes of a model.
const maxClasses = 1 << 20

func newClasses(s *engine.Stage, n int) classes {
	s.Predicts()
	c := classes{
		raw:         s.NewVector("raw_prediction", n),
		probability: s.NewVector("probability", n),
		prediction:  s.NewNumber("prediction"),
	}
	if s.Has("thresholds") {
		if c.thresholds = s.Floats("thresholds"); len(c.thresholds) != n && !s.Failed() {
			s.Fail("thresholds has %d values for %d classes", len(c.thresholds), n)
		}
	}
	return c
}

// predict stores the class with the largest raw score or, with thresholds, the largest ratio of probability to threshold.
// The first of equal classes is selected. The ratio for a threshold of 0 is infinite, or NaN if the probability is 0.
func (c *classes) predict(r *engine.Row, raw, probability []float64) {
	if c.thresholds == nil {
		c.prediction.Set(r, float64(argmax(raw)))
		return
	}
	best, most := 0, math.Inf(-1)
	for i, p := range probability {
		if scaled := p / c.thresholds[i]; scaled > most {
			best, most = i, scaled
		}
	}
	c.prediction.Set(r, float64(best))
}

func argmax(values []float64) int {
	best := 0
	for i, x := range values {
		if x > values[best] {
			best = i
		}
	}
	return best
}

func sum(values []float64) float64 {
	total := 0.0
	for _, x := range values {
		total += x
	}
	return total
}

// normalise sets out to the values divided by their sum.
func normalise(out, values []float64) {
	total := sum(values)
	for i, x := range values {
		out[i] = x / total
	}
}

// softmax sets out to exp(values) divided by its sum. The values are shifted by their maximum to prevent an overflow.
func softmax(out, values []float64) {
	top := -math.MaxFloat64
	for i, x := range values {
		if math.IsInf(x, 1) {
			clear(out)
			out[i] = 1
			return
		}
		top = max(top, x)
	}
	total := 0.0
	for i, x := range values {
		out[i] = math.Exp(x - top)
		total += out[i]
	}
	scale := 1 / total
	for i := range out {
		out[i] *= scale
	}
}
