package ops

import (
	"math"

	"leapline/scorer/engine"
)

// normalizer divides a vector by its p-norm, unless that is 0. In JSON an infinite p is null, which is read as NaN.
func init() { engine.Register("normalizer", newNormalizer) }

type normalizer struct {
	in  engine.Vector
	out engine.VectorOut
	p   float64
}

func newNormalizer(s *engine.Stage) engine.Step {
	t := normalizer{p: s.FloatOrNull("p_norm")}
	size := s.Int("input_size")
	if math.IsNaN(t.p) {
		t.p = math.Inf(1)
	}
	if !(t.p >= 1) || size < 1 || size > maxCategories {
		s.Fail("p_norm is %v and input_size is %d, both must be at least 1", t.p, size)
	}
	t.in = s.AnyVector("input", int(size))
	t.out = outputLike(s, t.in)
	s.Describe("%s, p = %v", plural(int(size), "value"), t.p)
	return t
}

func (t normalizer) Run(r *engine.Row) error {
	var in, out []float64
	if t.in.Sparse {
		from, err := t.in.GetSparse(r)
		if err != nil {
			return err
		}
		to := t.out.SparseBuffer(r)
		to.Index, to.Value = append(to.Index, from.Index...), append(to.Value, from.Value...)
		in, out = from.Value, to.Value
	} else {
		from, err := t.in.Get(r)
		if err != nil {
			return err
		}
		in, out = from, t.out.Buffer(r)
		t.out.SetSparseInSpark(r, t.in.SparseInSpark(r))
	}
	norm := pNorm(in, t.p)
	for i, x := range in {
		if out[i] = x; norm != 0 {
			out[i] = x / norm
		}
	}
	return nil
}

func pNorm(values []float64, p float64) float64 {
	sum := 0.0
	switch {
	case p == 1:
		for _, x := range values {
			sum += math.Abs(x)
		}
	case p == 2:
		for _, x := range values {
			sum += float64(x * x)
		}
		sum = math.Sqrt(sum)
	case math.IsInf(p, 1):
		for _, x := range values {
			sum = max(sum, math.Abs(x))
		}
	default:
		for _, x := range values {
			sum += math.Pow(math.Abs(x), p)
		}
		sum = math.Pow(sum, 1/p)
	}
	return sum
}
