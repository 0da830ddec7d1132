package engine

import (
	"leapline/scorer/frame"
)

// Number is an input port that reads a double.
type Number struct {
	column *column
	slot   int
	given  int
}

// Text is an input port that reads a string.
type Text struct {
	column *column
	slot   int
	given  int
}

// Vector is an input port that reads a vector of Width doubles: of one array or, when Sparse, of indices and values.
type Vector struct {
	column *column
	Width  int
	Sparse bool
	Bound  int // most elements that are not zero
	slot   int
	thin   int
	given  int
}

// NumberOut, TextOut and VectorOut are output ports.
type NumberOut struct{ slot int }

// TextOut is an output port of a string.
type TextOut struct{ slot int }

// VectorOut is an output port of a vector, sparse or not as it was asked for.
type VectorOut struct {
	slot, thin, width int
}

// SparseVector holds ascending indices and the values there; all other values are zero.
type SparseVector struct {
	Index []int32
	Value []float64
}

// Number binds a port to a column of doubles; nullable is what a program declares when the column is its input.
func (s *Stage) Number(port string, nullable bool) Number {
	c := s.source(port, frame.ScalarOf(frame.Double, nullable), 0)
	if c == nil {
		return Number{}
	}
	if c.made && c.number < 0 {
		c = s.program.parsed(c)
	}
	s.in = append(s.in, c.index)
	return Number{column: c, slot: s.program.wantNumber(c), given: c.given}
}

// Text binds a port to a column of strings.
func (s *Stage) Text(port string) Text {
	c := s.source(port, frame.ScalarOf(frame.String, true), 0)
	if c == nil {
		return Text{}
	}
	if c.made && c.text < 0 {
		c = s.program.formatted(c)
	}
	s.in = append(s.in, c.index)
	return Text{column: c, slot: s.program.wantText(c), given: c.given}
}

// Vector binds a port to a column of vectors of the width, as an array; width 0 takes the width of the stage before.
func (s *Stage) Vector(port string, width int) Vector {
	c := s.vectorSource(port, width)
	if c == nil {
		return Vector{}
	}
	if c.made && c.dense < 0 {
		c = s.program.densified(c)
	}
	s.in = append(s.in, c.index)
	return s.program.denseIn(c)
}

// AnyVector binds a port to a column of vectors in the form that the column has: the op must read both.
func (s *Stage) AnyVector(port string, width int) Vector {
	c := s.vectorSource(port, width)
	if c == nil {
		return Vector{}
	}
	if !c.made && c.dense < 0 && c.Width > wide {
		s.program.wantSparse(c, c.Width)
	}
	if c.sparse < 0 {
		return s.Vector(port, width)
	}
	s.in = append(s.in, c.index)
	return Vector{column: c, Width: c.Width, Sparse: true, Bound: c.bound, slot: c.sparse, given: c.given}
}

// Dense gives, for a port bound by AnyVector, the same column as an array.
func (s *Stage) Dense(v Vector) Vector {
	if s.err != nil || !v.Sparse {
		return v
	}
	c := v.column
	if c.made {
		c = s.program.densified(c)
	}
	s.in = append(s.in, c.index)
	return s.program.denseIn(c)
}

// Made says whether a stage before makes the column on an input port.
func (s *Stage) Made(port string) bool {
	c := s.program.find(s.input(port))
	return c != nil && c.made
}

// wide is the width above which a program's vector input is kept sparse where stages allow it.
const wide = 1024

func (s *Stage) vectorSource(port string, width int) *column {
	c := s.source(port, frame.VectorOf(width), width)
	if c != nil && c.Width == 0 && !c.made {
		s.Fail("column %q is a vector whose width nothing tells", c.Name)
		return nil
	}
	return c
}

// NewNumber makes the column of doubles of an output port.
func (s *Stage) NewNumber(port string) NumberOut {
	return s.newNumber(port, frame.Double)
}

// NewInteger makes the column of whole numbers of an output port; they are doubles until they are written.
func (s *Stage) NewInteger(port string) NumberOut {
	return s.newNumber(port, frame.Integer)
}

func (s *Stage) newNumber(port string, base frame.Base) NumberOut {
	c := s.target(port, frame.ScalarOf(base, false), 0)
	if c == nil {
		return NumberOut{}
	}
	return NumberOut{slot: s.program.wantNumber(c)}
}

// NewText makes the column of strings of an output port.
func (s *Stage) NewText(port string) TextOut {
	c := s.target(port, frame.ScalarOf(frame.String, true), 0)
	if c == nil {
		return TextOut{}
	}
	return TextOut{slot: s.program.wantText(c)}
}

// NewVector makes the column of vectors of an output port, kept as an array.
func (s *Stage) NewVector(port string, width int) VectorOut {
	return s.NewDeclaredVector(port, width, frame.VectorOf(width))
}

// NewDeclaredVector is NewVector for a column that MLeap declares with another type than its values have.
func (s *Stage) NewDeclaredVector(port string, width int, typ frame.Type) VectorOut {
	c := s.target(port, typ, width)
	if c == nil {
		return VectorOut{}
	}
	return s.program.denseOut(c)
}

func (p *Program) denseIn(c *column) Vector {
	return Vector{column: c, Width: c.Width, Bound: c.Width, slot: p.wantDense(c), thin: c.thin, given: c.given}
}

func (p *Program) denseOut(c *column) VectorOut {
	return VectorOut{slot: p.wantDense(c), thin: c.thin, width: c.Width}
}

// NewSparse makes the column of vectors of an output port, kept as at most bound indices and values.
func (s *Stage) NewSparse(port string, width, bound int, typ frame.Type) VectorOut {
	c := s.target(port, typ, width)
	if c == nil {
		return VectorOut{}
	}
	return VectorOut{slot: s.program.wantSparse(c, bound), width: width}
}

// Of reads the row's double; a null or an input not given is an error.
func (n Number) Of(r *Row) (float64, error) {
	if n.given >= 0 && r.given[n.given] != present {
		return 0, r.absent(n.column)
	}
	return r.numbers[n.slot], nil
}

// Nullable reads the row's double or null; an input not given is an error.
func (n Number) Nullable(r *Row) (x float64, null bool, err error) {
	if n.given >= 0 && r.given[n.given] != present {
		if r.given[n.given] == isNull {
			return 0, true, nil
		}
		return 0, false, r.absent(n.column)
	}
	return r.numbers[n.slot], false, nil
}

// Nullable reads the row's string or null; an input not given is an error.
func (t Text) Nullable(r *Row) (text string, null bool, err error) {
	if t.given >= 0 && r.given[t.given] != present {
		if r.given[t.given] == isNull {
			return "", true, nil
		}
		return "", false, r.absent(t.column)
	}
	return r.texts[t.slot], false, nil
}

// Of reads the row's vector as an array, which the op must not change.
func (v Vector) Of(r *Row) ([]float64, error) {
	if v.given >= 0 && r.given[v.given] != present {
		return nil, r.absent(v.column)
	}
	return r.doubles[v.slot : v.slot+v.Width : v.slot+v.Width], nil
}

// Thin says whether Spark would hold the row's vector as indices and values, though it is an array here. Spark sums over
// the two in different orders.
func (v Vector) Thin(r *Row) bool { return v.Sparse || r.thin[v.thin] }

// SetThin says whether Spark would hold the row's vector as indices and values. False stays when nothing is said.
func (o VectorOut) SetThin(r *Row, thin bool) { r.thin[o.thin] = thin }

// SetCompressed is SetThin by Spark's rule for vectors that it calls compressed: by which form is smaller.
func (o VectorOut) SetCompressed(r *Row) {
	filled := 0
	for _, x := range o.Of(r) {
		if x != 0 {
			filled++
		}
	}
	o.SetThin(r, Compressed(filled, o.width))
}

// Compressed says whether Spark calls a vector of so many values smaller as indices and values.
func Compressed(filled, width int) bool { return 1.5*(float64(filled)+1) < float64(width) }

// SparseOf reads the row's vector as indices and values, which the op must not change.
func (v Vector) SparseOf(r *Row) (*SparseVector, error) {
	if v.given >= 0 && r.given[v.given] != present {
		return nil, r.absent(v.column)
	}
	return &r.sparse[v.slot], nil
}

// Name is the column that the port reads.
func (n Number) Name() string { return n.column.Name }

// Name is the column that the port reads.
func (t Text) Name() string { return t.column.Name }

// Set writes the row's double.
func (o NumberOut) Set(r *Row, x float64) { r.numbers[o.slot] = x }

// Set writes the row's string.
func (o TextOut) Set(r *Row, text string) { r.texts[o.slot] = text }

// Of gives the row's array for the op to fill; what it held is the row's before.
func (o VectorOut) Of(r *Row) []float64 {
	return r.doubles[o.slot : o.slot+o.width : o.slot+o.width]
}

// SparseOf gives the row's indices and values, empty, for the op to append to.
func (o VectorOut) SparseOf(r *Row) *SparseVector {
	v := &r.sparse[o.slot]
	v.Index, v.Value = v.Index[:0], v.Value[:0]
	return v
}

// Add appends one value.
func (v *SparseVector) Add(index int, value float64) {
	v.Index = append(v.Index, int32(index))
	v.Value = append(v.Value, value)
}
