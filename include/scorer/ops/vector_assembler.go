package ops

import (
	"fmt"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

// vector_assembler concatenates its inputs. It rejects null and accepts NaN, because bundles do not contain handleInvalid.
func init() { engine.Register("vector_assembler", newAssembler) }

// part is a sequence of scalars or one vector, with its position in the output.
type part struct {
	numbers []engine.Number
	vector  engine.Vector
	at      int
	width   int
	bound   int // maximum number of non-zero elements
}

// assembler computes an array.
type assembler struct {
	parts []part
	out   engine.VectorOut
}

// sparseAssembler computes indices and values.
type sparseAssembler assembler

func newAssembler(s *engine.Stage) engine.Step {
	shapes := s.Shapes("input_shapes")
	if len(shapes) != s.Inputs() {
		s.Fail("input_shapes has %d shapes for %d input ports", len(shapes), s.Inputs())
	}
	var parts []part
	width, bound, sparse := 0, 0, false
	for i, shape := range shapes {
		if s.Failed() {
			return nil
		}
		p := newPart(s, fmt.Sprintf("input%d", i), shape, width)
		width, bound, sparse = width+p.width, bound+p.bound, sparse || p.vector.Sparse
		if last := len(parts) - 1; last >= 0 && p.numbers != nil && parts[last].numbers != nil {
			parts[last].numbers = append(parts[last].numbers, p.numbers...)
		} else {
			parts = append(parts, p)
		}
	}
	if width == 0 || width > maxCategories {
		s.Fail("the output has %d elements, expected 1 to %d", width, maxCategories)
		return nil
	}
	s.Describe("%s, %s", plural(len(shapes), "column"), plural(width, "value"))
	if sparse && bound < width/4 {
		return sparseAssembler{parts, s.NewSparse("output", width, bound, frame.VectorOf(width))}
	}
	for i, p := range parts {
		if p.vector.Sparse {
			parts[i].vector = s.Dense(p.vector)
		}
	}
	return assembler{parts, s.NewVector("output", width)}
}

// newPart binds one input port, whose elements have a position in the output.
func newPart(s *engine.Stage, port string, shape bundle.Shape, at int) part {
	if shape.Base == bundle.ShapeScalar {
		return part{numbers: []engine.Number{s.Number(port, shape.Nullable)}, at: at, width: 1, bound: 1}
	}
	v := assembledVector(s, port, shape)
	return part{vector: v, at: at, width: v.Width, bound: v.Bound}
}

// assembledVector binds a vector, whose width is that of the computed column, or the declared width for an input.
func assembledVector(s *engine.Stage, port string, shape bundle.Shape) engine.Vector {
	width := 0
	if !s.IsComputed(port) {
		if shape.Base != bundle.ShapeTensor || len(shape.Dims) != 1 || shape.Dims[0] < 1 {
			s.Fail("input_shapes has no width for port %s, but dimensions %v", port, shape.Dims)
			return engine.Vector{}
		}
		width = shape.Dims[0]
	}
	return s.AnyVector(port, width)
}

func (t assembler) Run(r *engine.Row) error {
	out := t.out.Buffer(r)
	for i := range t.parts {
		p := &t.parts[i]
		if p.numbers == nil {
			v, err := p.vector.Get(r)
			if err != nil {
				return err
			}
			copy(out[p.at:], v)
			continue
		}
		run := out[p.at : p.at+len(p.numbers)]
		for k := range run {
			x, err := p.numbers[k].Get(r)
			if err != nil {
				return err
			}
			run[k] = x
		}
	}
	t.out.SetCompressed(r)
	return nil
}

func (t sparseAssembler) Run(r *engine.Row) error {
	out := t.out.SparseBuffer(r)
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.numbers != nil:
			for k := range p.numbers {
				x, err := p.numbers[k].Get(r)
				if err != nil {
					return err
				}
				if x != 0 {
					out.Add(p.at+k, x)
				}
			}
		case p.vector.Sparse:
			v, err := p.vector.GetSparse(r)
			if err != nil {
				return err
			}
			for k, x := range v.Value {
				out.Add(p.at+int(v.Index[k]), x)
			}
		default:
			v, err := p.vector.Get(r)
			if err != nil {
				return err
			}
			for k, x := range v {
				if x != 0 {
					out.Add(p.at+k, x)
				}
			}
		}
	}
	return nil
}
