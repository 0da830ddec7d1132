package ops

import (
	"leapline/scorer/engine"
)

// The scalers compute and round each step like Spark:
//
//	standard_scaler  (x - mean) * (1/std), with 0 for 1/0; mean and std are optional
//	min_max_scaler   (x - min) * ((maxValue-minValue) / (max-min)) + minValue; the middle for a constant column; NaN for NaN
//	max_abs_scaler   x * (1/maxAbs), with 1 for 1/0; MLeap clamps the result to [-1, 1], Spark does not
//	elementwise_product, idf   x * factor
//
// A RobustScaler is a standard_scaler with the medians as mean and the quantile ranges as std.
func init() {
	engine.Register("elementwise_product", func(s *engine.Stage) engine.Step { return newProduct(s, "scaling_vec") })
	engine.Register("idf", func(s *engine.Stage) engine.Step { return newProduct(s, "idf") })
	engine.Register("standard_scaler", newStandardScaler)
	engine.Register("min_max_scaler", newMinMaxScaler)
	engine.Register("max_abs_scaler", newMaxAbsScaler)
}

// factors multiplies each element by a factor, which preserves the sparsity of a vector.
type factors struct {
	in     engine.Vector
	out    engine.VectorOut
	factor []float64
}

func newFactors(s *engine.Stage, factor []float64) engine.Step {
	in := s.AnyVector("input", len(factor))
	return factors{in: in, out: outputLike(s, in), factor: factor}
}

// newProduct multiplies by the factors in an attribute.
func newProduct(s *engine.Stage, attribute string) engine.Step {
	factor := s.Tensor(attribute)
	if !s.Failed() && len(factor) == 0 {
		s.Fail("attribute %q is empty", attribute)
	}
	s.Describe("%s", plural(len(factor), "value"))
	if s.Failed() {
		return nil
	}
	return newFactors(s, factor)
}

// outputLike creates the output column in the representation of the input column.
func outputLike(s *engine.Stage, in engine.Vector) engine.VectorOut {
	if in.Sparse {
		return s.NewSparse("output", in.Width, in.Bound, vectorType(in.Width))
	}
	return s.NewVector("output", in.Width)
}

func (t factors) Run(r *engine.Row) error {
	if t.in.Sparse {
		in, err := t.in.GetSparse(r)
		if err != nil {
			return err
		}
		out := t.out.SparseBuffer(r)
		for k, i := range in.Index {
			out.Add(int(i), in.Value[k]*t.factor[i])
		}
		return nil
	}
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)[:len(in)]
	factor := t.factor[:len(in)]
	for i, x := range in {
		out[i] = x * factor[i]
	}
	t.out.SetSparseInSpark(r, t.in.SparseInSpark(r))
	return nil
}

// centred subtracts a mean from each element and multiplies by a factor.
type centred struct {
	in           engine.Vector
	out          engine.VectorOut
	mean, factor []float64
}

func newStandardScaler(s *engine.Stage) engine.Step {
	var mean, std []float64
	if s.Has("mean") {
		mean = s.Tensor("mean")
	}
	if s.Has("std") {
		std = s.Tensor("std")
	}
	width := max(len(mean), len(std))
	if width == 0 || (mean != nil && len(mean) != width) || (std != nil && len(std) != width) {
		s.Fail("mean has %d values and std %d, expected one attribute or equal numbers", len(mean), len(std))
	}
	if s.Failed() {
		return nil
	}
	factor := reciprocals(std, 0)
	s.Describe("%s, mean %t, std %t", plural(width, "value"), mean != nil, std != nil)
	if mean == nil {
		return newFactors(s, factor)
	}
	if std == nil {
		factor = reciprocals(make([]float64, width), 1)
	}
	return centred{in: s.Vector("input", width), out: s.NewVector("output", width), mean: mean, factor: factor}
}

// reciprocals returns 1/x, or instead for x = 0.
func reciprocals(values []float64, instead float64) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		if out[i] = instead; x != 0 {
			out[i] = 1 / x
		}
	}
	return out
}

func (t centred) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)[:len(in)]
	mean, factor := t.mean[:len(in)], t.factor[:len(in)]
	for i, x := range in {
		out[i] = (x - mean[i]) * factor[i]
	}
	return nil
}

func newMaxAbsScaler(s *engine.Stage) engine.Step {
	largest := s.Tensor("maxAbs")
	s.Describe("%s", plural(len(largest), "value"))
	if s.Failed() {
		return nil
	}
	return newFactors(s, reciprocals(largest, 1))
}

type minMax struct {
	in               engine.Vector
	out              engine.VectorOut
	min, factor      []float64
	minValue, middle float64
}

func newMinMaxScaler(s *engine.Stage) engine.Step {
	low, high := s.Tensor("min"), s.Tensor("max")
	t := minMax{min: low, minValue: 0}
	maxValue := 1.0
	if s.Has("minValue") {
		t.minValue = s.Float("minValue")
	}
	if s.Has("maxValue") {
		maxValue = s.Float("maxValue")
	}
	if len(low) != len(high) {
		s.Fail("min has %d values and max %d, expected equal numbers", len(low), len(high))
	}
	if s.Failed() {
		return nil
	}
	t.middle = (t.minValue + maxValue) / 2
	t.factor = make([]float64, len(low))
	for i := range low {
		if span := high[i] - low[i]; span != 0 {
			t.factor[i] = (maxValue - t.minValue) / span
		}
	}
	t.in, t.out = s.Vector("input", len(low)), s.NewVector("output", len(low))
	s.Describe("%s to [%v, %v]", plural(len(low), "value"), t.minValue, maxValue)
	return t
}

func (t minMax) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)[:len(in)]
	low, factor := t.min[:len(in)], t.factor[:len(in)]
	for i, x := range in {
		switch {
		case x != x:
			out[i] = x
		case factor[i] == 0:
			out[i] = t.middle
		default:
			out[i] = float64((x-low[i])*factor[i]) + t.minValue
		}
	}
	t.out.SetCompressed(r)
	return nil
}
