package ops

import (
	"fmt"
	"math"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// interaction returns all products of one element of each input. An element with several categories is one-hot encoded. The
// first input varies slowest.
func init() { engine.Register("interaction", newInteraction) }

type interaction struct {
	inputs []interactionInput
	out    engine.VectorOut
}

// interactionInput is a number or a vector.
type interactionInput struct {
	number     engine.Number
	vector     engine.Vector
	isVector   bool
	categories []int // per element, 1 for a number
	size       int   // number of elements after encoding
}

func newInteraction(s *engine.Stage) engine.Step {
	shapes, n := s.Shapes("input_shapes"), s.Int("num_inputs")
	if !s.Failed() && (n < 1 || len(shapes) != int(n) || s.Inputs() != int(n)) {
		s.Fail("num_inputs is %d, but there are %d input_shapes and %d input ports", n, len(shapes), s.Inputs())
	}
	if s.Failed() {
		return nil
	}
	t := interaction{}
	width := 1
	for i, shape := range shapes {
		in := newInteractionInput(s, i, shape)
		if s.Failed() {
			return nil
		}
		if width > maxCategories/in.size {
			s.Fail("the output exceeds the limit of %d elements", maxCategories)
			return nil
		}
		width *= in.size
		t.inputs = append(t.inputs, in)
	}
	t.out = s.NewVector("output", width)
	s.Describe("%s, %s", plural(len(shapes), "column"), plural(width, "value"))
	return t
}

func newInteractionInput(s *engine.Stage, i int, shape bundle.Shape) (in interactionInput) {
	port, attribute := fmt.Sprintf("input%d", i), fmt.Sprintf("num_features%d", i)
	elements := 1
	if in.isVector = shape.Base != bundle.ShapeScalar; in.isVector {
		in.vector = s.Dense(assembledVector(s, port, shape))
		elements = in.vector.Width
	} else {
		in.number = s.Number(port, false)
	}
	categories := s.Ints(attribute)
	if !s.Failed() && len(categories) != elements {
		s.Fail("attribute %q has %d values for %d elements", attribute, len(categories), elements)
	}
	for _, n := range categories {
		if n < 1 || n > maxCategories {
			s.Fail("attribute %q has %d, expected 1 to %d", attribute, n, maxCategories)
			return in
		}
		in.categories = append(in.categories, int(n))
		in.size += int(n)
	}
	return in
}

func (t interaction) Run(r *engine.Row) error {
	out := t.out.Buffer(r)
	clear(out)
	out[0] = 1
	filled := 1 // the products of the last inputs are in out[:filled]
	for i := len(t.inputs) - 1; i >= 0; i-- {
		if err := t.inputs[i].multiply(r, out, filled); err != nil {
			return err
		}
		filled *= t.inputs[i].size
	}
	t.out.SetCompressed(r)
	return nil
}

// multiply replaces the products in out[:filled] by their products with each encoded element of the input. It writes the
// first element last, since its products overwrite the previous ones.
func (in *interactionInput) multiply(r *engine.Row, out []float64, filled int) error {
	values, err := in.values(r)
	if err != nil {
		return err
	}
	previous := out[:filled]
	at := in.size
	for k := len(in.categories) - 1; k >= 0; k-- {
		n, x := in.categories[k], values.at(k)
		at -= n
		if n == 1 {
			multiplyInto(out[at*filled:(at+1)*filled], previous, x)
			continue
		}
		if x != math.Trunc(x) || !(x >= 0 && x < float64(n)) {
			return fmt.Errorf("column %q has category %v, expected a category below %d", in.name(), x, n)
		}
		for c := n - 1; c >= 0; c-- {
			hot := 0.0
			if c == int(x) {
				hot = 1
			}
			multiplyInto(out[(at+c)*filled:(at+c+1)*filled], previous, hot)
		}
	}
	return nil
}

// multiplyInto sets out to the products of values with x, or to zeros for x = 0.
func multiplyInto(out, values []float64, x float64) {
	for i, v := range values {
		if out[i] = 0; x != 0 && v != 0 {
			out[i] = v * x
		}
	}
}

// elements is the elements of a vector, or one number.
type elements struct {
	vector []float64
	number float64
}

func (e elements) at(i int) float64 {
	if e.vector == nil {
		return e.number
	}
	return e.vector[i]
}

func (in *interactionInput) values(r *engine.Row) (e elements, err error) {
	if in.isVector {
		e.vector, err = in.vector.Get(r)
	} else {
		e.number, err = in.number.Get(r)
	}
	return e, err
}

func (in *interactionInput) name() string {
	if in.isVector {
		return in.vector.Name()
	}
	return in.number.Name()
}
