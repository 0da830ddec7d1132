package engine

import (
	"leapline/scorer/frame"
)

// Number is an input port that reads a double.
type Number struct {
	column *column
	slot   int
	state  int
}

// Text is an input port that reads a string.
type Text struct {
	column *column
	slot   int
	state  int
}

// Vector is an input port that reads a vector of Width doubles: of one array or, when Sparse, of indices and values.
type Vector struct {
	column     *column
	Width      int
	Sparse     bool
	Bound      int // most elements that are not zero
	slot       int
	sparseFlag int
	state      int
}

// NumberOut, TextOut and VectorOut are output ports.
type NumberOut struct{ slot int }

// TextOut is an output port of a string.
type TextOut struct{ slot int }

// VectorOut is an output port of a vector, sparse or not as it was asked for.
type VectorOut struct {
	slot, sparseFlag, width int
}

// SparseVector holds ascending indices and the values there; all other values are zero.
type SparseVector struct {
	Index []int32
	Value []float64
}

// Number binds a port to a column of doubles; nullable is what a program declares when the column is its input.
func (s *Stage) Number(port string, nullable bool) Number {
	c := s.inputColumn(port, frame.ScalarOf(frame.Double, nullable), 0)
	if c == nil {
		return Number{}
	}
	if c.computed && c.number < 0 {
		c = s.program.asNumber(c)
	}
	s.in = append(s.in, c.index)
	return Number{column: c, slot: s.program.numberSlot(c), state: c.state}
}

// Text binds a port to a column of strings.
func (s *Stage) Text(port string) Text {
	c := s.inputColumn(port, frame.ScalarOf(frame.String, true), 0)
	if c == nil {
		return Text{}
	}
	if c.computed && c.text < 0 {
		c = s.program.asText(c)
	}
	s.in = append(s.in, c.index)
	return Text{column: c, slot: s.program.textSlot(c), state: c.state}
}

// Vector binds a port to a column of vectors of the width, as an array; width 0 takes the width of the stage before.
func (s *Stage) Vector(port string, width int) Vector {
	c := s.vectorSource(port, width)
	if c == nil {
		return Vector{}
	}
	if c.computed && c.dense < 0 {
		c = s.program.asDense(c)
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
	if !c.computed && c.dense < 0 && c.Width > sparseInputWidth {
		s.program.sparseSlot(c, c.Width)
	}
	if c.sparse < 0 {
		return s.Vector(port, width)
	}
	s.in = append(s.in, c.index)
	return Vector{column: c, Width: c.Width, Sparse: true, Bound: c.bound, slot: c.sparse, state: c.state}
}

// Dense gives, for a port bound by AnyVector, the same column as an array.
func (s *Stage) Dense(v Vector) Vector {
	if s.err != nil || !v.Sparse {
		return v
	}
	c := v.column
	if c.computed {
		c = s.program.asDense(c)
	}
	s.in = append(s.in, c.index)
	return s.program.denseIn(c)
}

// Made says whether a stage before makes the column on an input port.
func (s *Stage) IsComputed(port string) bool {
	c := s.program.find(s.inputName(port))
	return c != nil && c.computed
}

// wide is the width above which a program's vector input is kept sparse where stages allow it.
const sparseInputWidth = 1024

func (s *Stage) vectorSource(port string, width int) *column {
	c := s.inputColumn(port, frame.VectorOf(width), width)
	if c != nil && c.Width == 0 && !c.computed {
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
	c := s.outputColumn(port, frame.ScalarOf(base, false), 0)
	if c == nil {
		return NumberOut{}
	}
	return NumberOut{slot: s.program.numberSlot(c)}
}

// NewText makes the column of strings of an output port.
func (s *Stage) NewText(port string) TextOut {
	c := s.outputColumn(port, frame.ScalarOf(frame.String, true), 0)
	if c == nil {
		return TextOut{}
	}
	return TextOut{slot: s.program.textSlot(c)}
}

// NewVector makes the column of vectors of an output port, kept as an array.
func (s *Stage) NewVector(port string, width int) VectorOut {
	return s.NewDeclaredVector(port, width, frame.VectorOf(width))
}

// NewDeclaredVector is NewVector for a column that MLeap declares with another type than its values have.
func (s *Stage) NewDeclaredVector(port string, width int, typ frame.Type) VectorOut {
	c := s.outputColumn(port, typ, width)
	if c == nil {
		return VectorOut{}
	}
	return s.program.denseOut(c)
}

func (p *Program) denseIn(c *column) Vector {
	return Vector{column: c, Width: c.Width, Bound: c.Width, slot: p.denseSlot(c), sparseFlag: c.sparseInSpark, state: c.state}
}

func (p *Program) denseOut(c *column) VectorOut {
	return VectorOut{slot: p.denseSlot(c), sparseFlag: c.sparseInSpark, width: c.Width}
}

// NewSparse makes the column of vectors of an output port, kept as at most bound indices and values.
func (s *Stage) NewSparse(port string, width, bound int, typ frame.Type) VectorOut {
	c := s.outputColumn(port, typ, width)
	if c == nil {
		return VectorOut{}
	}
	return VectorOut{slot: s.program.sparseSlot(c, bound), width: width}
}

// Of reads the row's double; a null or an input not given is an error.
func (n Number) Get(r *Row) (float64, error) {
	if n.state >= 0 && r.inputStates[n.state] != statePresent {
		return 0, r.missingError(n.column)
	}
	return r.numbers[n.slot], nil
}

// Nullable reads the row's double or null; an input not given is an error.
func (n Number) GetNullable(r *Row) (x float64, null bool, err error) {
	if n.state >= 0 && r.inputStates[n.state] != statePresent {
		if r.inputStates[n.state] == stateNull {
			return 0, true, nil
		}
		return 0, false, r.missingError(n.column)
	}
	return r.numbers[n.slot], false, nil
}

// Nullable reads the row's string or null; an input not given is an error.
func (t Text) GetNullable(r *Row) (text string, null bool, err error) {
	if t.state >= 0 && r.inputStates[t.state] != statePresent {
		if r.inputStates[t.state] == stateNull {
			return "", true, nil
		}
		return "", false, r.missingError(t.column)
	}
	return r.texts[t.slot], false, nil
}

// Of reads the row's vector as an array, which the op must not change.
func (v Vector) Get(r *Row) ([]float64, error) {
	if v.state >= 0 && r.inputStates[v.state] != statePresent {
		return nil, r.missingError(v.column)
	}
	return r.doubles[v.slot : v.slot+v.Width : v.slot+v.Width], nil
}

// Thin says whether Spark would hold the row's vector as indices and values, though it is an array here. Spark sums over
// the two in different orders.
func (v Vector) SparseInSpark(r *Row) bool { return v.Sparse || r.sparseFlags[v.sparseFlag] }

// SetThin says whether Spark would hold the row's vector as indices and values. False stays when nothing is said.
func (o VectorOut) SetSparseInSpark(r *Row, thin bool) { r.sparseFlags[o.sparseFlag] = thin }

// SetCompressed is SetThin by Spark's rule for vectors that it calls compressed: by which form is smaller.
func (o VectorOut) SetCompressed(r *Row) {
	nonZero := 0
	for _, x := range o.Buffer(r) {
		if x != 0 {
			nonZero++
		}
	}
	o.SetSparseInSpark(r, Compressed(nonZero, o.width))
}

// Compressed says whether Spark calls a vector of so many values smaller as indices and values.
func Compressed(nonZero, width int) bool { return 1.5*(float64(nonZero)+1) < float64(width) }

// SparseOf reads the row's vector as indices and values, which the op must not change.
func (v Vector) GetSparse(r *Row) (*SparseVector, error) {
	if v.state >= 0 && r.inputStates[v.state] != statePresent {
		return nil, r.missingError(v.column)
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
func (o VectorOut) Buffer(r *Row) []float64 {
	return r.doubles[o.slot : o.slot+o.width : o.slot+o.width]
}

// SparseOf gives the row's indices and values, empty, for the op to append to.
func (o VectorOut) SparseBuffer(r *Row) *SparseVector {
	v := &r.sparse[o.slot]
	v.Index, v.Value = v.Index[:0], v.Value[:0]
	return v
}

// Add appends one value.
func (v *SparseVector) Add(index int, value float64) {
	v.Index = append(v.Index, int32(index))
	v.Value = append(v.Value, value)
}
