package ops

import (
	"math"

	"leapline/scorer/engine"
)

// polynomial_expansion returns all products of at most degree elements of a vector, except the empty one, in Spark's order.
// dct returns the scaled discrete cosine transform of type II of a vector, or its inverse.
func init() {
	engine.Register("polynomial_expansion", newPolynomialExpansion)
	engine.Register("dct", newDCT)
}

type polynomialExpansion struct {
	in     engine.Vector
	out    engine.VectorOut
	degree int
	sizes  [][]int // number of products of at most d of the first n elements, by d and n
}

func newPolynomialExpansion(s *engine.Stage) engine.Step {
	width, degree := s.Size("input_size", maxCategories), s.Size("degree", 100)
	if s.Failed() {
		return nil
	}
	size, ok := productCount(width, degree)
	if !ok {
		s.Fail("the expansion of %d values to degree %d exceeds the limit of %d values", width, degree, maxCategories)
		return nil
	}
	t := polynomialExpansion{degree: degree, in: s.Vector("input", width), out: s.NewVector("output", size-1)}
	for d := range degree + 1 {
		sizes := make([]int, width+1)
		for n := range sizes {
			sizes[n], _ = productCount(n, d)
		}
		t.sizes = append(t.sizes, sizes)
	}
	s.Describe("%s to degree %d", plural(width, "value"), degree)
	return t
}

// productCount returns the number of products of at most degree of n elements, the binomial coefficient of n + degree and
// degree. It returns false above maxCategories.
func productCount(n, degree int) (int, bool) {
	count := 1
	for k := 1; k <= degree; k++ {
		count = count * (n + k) / k
		if count > maxCategories {
			return 0, false
		}
	}
	return count, true
}

func (t polynomialExpansion) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)
	clear(out)
	t.expand(in, t.degree, 1, out, -1)
	t.out.SetSparseInSpark(r, t.in.SparseInSpark(r))
	return nil
}

// expand writes the products of multiplier with at most degree of the values, from position at on, and returns the position
// after them. Position -1 is the empty product. Like Spark it leaves products with a zero factor at zero, even if another
// factor is infinite or NaN.
func (t *polynomialExpansion) expand(values []float64, degree int, multiplier float64, out []float64, at int) int {
	end := at + t.sizes[degree][len(values)]
	switch {
	case multiplier == 0:
	case degree == 0 || len(values) == 0:
		if at >= 0 {
			out[at] = multiplier
		}
	default:
		last := len(values) - 1
		for i := 0; i <= degree && multiplier != 0; i++ {
			at = t.expand(values[:last], degree-i, multiplier, out, at)
			multiplier *= values[last]
		}
	}
	return end
}

type cosineTransform struct {
	in      engine.Vector
	out     engine.VectorOut
	inverse bool
	cosines []float64 // cos(pi i / 2n), for i below 4n
}

// maxTransform limits the width of a transform, whose time is proportional to the square of the width.
const maxTransform = 4096

func newDCT(s *engine.Stage) engine.Step {
	n := int(s.Int("input_size"))
	if !s.Failed() && (n < 1 || n > maxTransform) {
		s.Fail("input_size is %d, expected 1 to %d", n, maxTransform)
	}
	t := cosineTransform{inverse: s.Bool("inverse")}
	if s.Failed() {
		return nil
	}
	t.cosines = make([]float64, 4*n)
	for i := range t.cosines {
		t.cosines[i] = math.Cos(math.Pi * float64(i) / float64(2*n))
	}
	t.in, t.out = s.Vector("input", n), s.NewVector("output", n)
	s.Describe("%s, inverse %t", plural(n, "value"), t.inverse)
	return t
}

func (t cosineTransform) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	n := len(in)
	first, other := math.Sqrt(1/float64(n)), math.Sqrt(2/float64(n))
	out := t.out.Buffer(r)
	for i := range out {
		sum := 0.0
		for k, x := range in {
			scale, angle := other, (2*k+1)*i
			if t.inverse {
				angle = (2*i + 1) * k
			}
			if (t.inverse && k == 0) || (!t.inverse && i == 0) {
				scale = first
			}
			sum += float64(scale * x * t.cosines[angle%len(t.cosines)])
		}
		out[i] = sum
	}
	return nil
}
