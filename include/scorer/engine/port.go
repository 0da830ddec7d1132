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

// Vector is an input port that reads a vector of Width doubles, as an array or, if Sparse is set, as indices and values.
type Vector struct {
	column     *column
	Width      int
	Sparse     bool
	Bound      int // maximum number of non-zero elements
	slot       int
	sparseFlag int
	state      int
}

// TextList is an input port that reads a list of strings.
type TextList struct {
	column *column
	slot   int
	state  int
}

// NumberOut is an output port of a double.
type NumberOut struct{ slot int }

// TextOut is an output port of a string.
type TextOut struct{ slot int }

// TextListOut is an output port of a list of strings.
type TextListOut struct{ slot int }

// VectorOut is an output port of a vector, in the representation with which it was created.
type VectorOut struct {
	slot, sparseFlag, width int
}

// SparseVector is a vector as ascending indices and the values at these indices; all other elements are zero.
type SparseVector struct {
	Index []int32
	Value []float64
}

// Number binds an input port to a column of doubles. If the column is an input of the program, nullable is part of its type.
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

// Text binds an input port to a column of strings.
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

// TextList binds an input port to a column of lists of strings.
func (s *Stage) TextList(port string) TextList {
	c := s.inputColumn(port, textListType, 0)
	if c == nil {
		return TextList{}
	}
	s.in = append(s.in, c.index)
	return TextList{column: c, slot: s.program.listSlot(c), state: c.state}
}

var textListType = frame.Type{Kind: frame.List, Base: frame.String, Nullable: true}

// Vector binds an input port to a column of vectors, read as an array. Width 0 accepts the width of the computed column.
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

// AnyVector binds an input port to a column of vectors in the column's own representation. The op must support both.
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

// Dense returns, for a port bound by AnyVector, the same column as an array.
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

// IsComputed reports whether a previous stage computes the column of an input port.
func (s *Stage) IsComputed(port string) bool {
	c, _ := s.program.resolve(s.inputName(port))
	return c != nil && c.computed
}

// sparseInputWidth is the width above which an input vector is kept sparse if all its readers support that.
const sparseInputWidth = 1024

func (s *Stage) vectorSource(port string, width int) *column {
	c := s.inputColumn(port, frame.VectorOf(width), width)
	if c != nil && c.Width == 0 && !c.computed {
		s.Fail("column %q is a vector of unknown width", c.Name)
		return nil
	}
	return c
}

// NewNumber creates the column of doubles of an output port.
func (s *Stage) NewNumber(port string) NumberOut {
	return s.newNumber(port, frame.Double)
}

// NewInteger creates the column of integers of an output port. They are stored as doubles until they are written.
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

// NewText creates the column of strings of an output port.
func (s *Stage) NewText(port string) TextOut {
	c := s.outputColumn(port, frame.ScalarOf(frame.String, true), 0)
	if c == nil {
		return TextOut{}
	}
	return TextOut{slot: s.program.textSlot(c)}
}

// NewTextList creates the column of lists of strings of an output port.
func (s *Stage) NewTextList(port string) TextListOut {
	c := s.outputColumn(port, textListType, 0)
	if c == nil {
		return TextListOut{}
	}
	return TextListOut{slot: s.program.listSlot(c)}
}

// NewVector creates the column of vectors of an output port, stored as an array.
func (s *Stage) NewVector(port string, width int) VectorOut {
	return s.NewDeclaredVector(port, width, frame.VectorOf(width))
}

// NewDeclaredVector is NewVector for a column whose type in MLeap differs from that of its values.
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

// NewSparse creates the column of vectors of an output port, stored as up to bound indices and values.
func (s *Stage) NewSparse(port string, width, bound int, typ frame.Type) VectorOut {
	c := s.outputColumn(port, typ, width)
	if c == nil {
		return VectorOut{}
	}
	return VectorOut{slot: s.program.sparseSlot(c, bound), width: width}
}

// Get returns the row's double. A null or a missing input is an error.
func (n Number) Get(r *Row) (float64, error) {
	if n.state >= 0 && r.inputStates[n.state] != statePresent {
		return 0, r.missingError(n.column)
	}
	return r.numbers[n.slot], nil
}

// GetNullable returns the row's double or null. A missing input is an error.
func (n Number) GetNullable(r *Row) (x float64, null bool, err error) {
	if n.state >= 0 && r.inputStates[n.state] != statePresent {
		if r.inputStates[n.state] == stateNull {
			return 0, true, nil
		}
		return 0, false, r.missingError(n.column)
	}
	return r.numbers[n.slot], false, nil
}

// GetNullable returns the row's string or null. A missing input is an error.
func (t Text) GetNullable(r *Row) (text string, null bool, err error) {
	if t.state >= 0 && r.inputStates[t.state] != statePresent {
		if r.inputStates[t.state] == stateNull {
			return "", true, nil
		}
		return "", false, r.missingError(t.column)
	}
	return r.texts[t.slot], false, nil
}

// Get returns the row's string. A null or a missing input is an error.
func (t Text) Get(r *Row) (string, error) {
	if t.state >= 0 && r.inputStates[t.state] != statePresent {
		return "", r.missingError(t.column)
	}
	return r.texts[t.slot], nil
}

// Get returns the row's list, which the op must not modify. A null or a missing input is an error.
func (t TextList) Get(r *Row) ([]string, error) {
	if t.state >= 0 && r.inputStates[t.state] != statePresent {
		return nil, r.missingError(t.column)
	}
	return r.lists[t.slot], nil
}

// Get returns the row's vector as an array, which the op must not modify.
func (v Vector) Get(r *Row) ([]float64, error) {
	if v.state >= 0 && r.inputStates[v.state] != statePresent {
		return nil, r.missingError(v.column)
	}
	return r.doubles[v.slot : v.slot+v.Width : v.slot+v.Width], nil
}

// SparseInSpark reports whether Spark would store the row's vector as indices and values, even if it is an array here.
// Spark adds the elements of the two representations in different orders.
func (v Vector) SparseInSpark(r *Row) bool { return v.Sparse || r.sparseFlags[v.sparseFlag] }

// SetSparseInSpark sets whether Spark would store the row's vector as indices and values. The default is false.
func (o VectorOut) SetSparseInSpark(r *Row, sparse bool) { r.sparseFlags[o.sparseFlag] = sparse }

// SetCompressed is SetSparseInSpark by the rule of Spark's Vector.compressed, which selects the smaller representation.
func (o VectorOut) SetCompressed(r *Row) {
	nonZero := 0
	for _, x := range o.Buffer(r) {
		if x != 0 {
			nonZero++
		}
	}
	o.SetSparseInSpark(r, Compressed(nonZero, o.width))
}

// Compressed reports whether Spark's Vector.compressed returns a sparse vector, given the number of non-zero elements.
func Compressed(nonZero, width int) bool { return 1.5*(float64(nonZero)+1) < float64(width) }

// GetSparse returns the row's vector as indices and values, which the op must not modify.
func (v Vector) GetSparse(r *Row) (*SparseVector, error) {
	if v.state >= 0 && r.inputStates[v.state] != statePresent {
		return nil, r.missingError(v.column)
	}
	return &r.sparse[v.slot], nil
}

// Name returns the name of the column that the port reads.
func (n Number) Name() string { return n.column.Name }

// Name returns the name of the column that the port reads.
func (t Text) Name() string { return t.column.Name }

// Name returns the name of the column that the port reads.
func (v Vector) Name() string { return v.column.Name }

// Set stores the row's double.
func (o NumberOut) Set(r *Row, x float64) { r.numbers[o.slot] = x }

// Set stores the row's string.
func (o TextOut) Set(r *Row, text string) { r.texts[o.slot] = text }

// Buffer returns the row's emptied list for the op to append to. The op must call Set with the result.
func (o TextListOut) Buffer(r *Row) []string { return r.lists[o.slot][:0] }

// Set stores the row's list.
func (o TextListOut) Set(r *Row, list []string) { r.lists[o.slot] = list }

// Buffer returns the row's array for the op to fill. It contains the values of the previous row.
func (o VectorOut) Buffer(r *Row) []float64 {
	return r.doubles[o.slot : o.slot+o.width : o.slot+o.width]
}

// SparseBuffer returns the row's emptied indices and values for the op to append to.
func (o VectorOut) SparseBuffer(r *Row) *SparseVector {
	v := &r.sparse[o.slot]
	v.Index, v.Value = v.Index[:0], v.Value[:0]
	return v
}

// Add appends a value at an index above all previous ones.
func (v *SparseVector) Add(index int, value float64) {
	v.Index = append(v.Index, int32(index))
	v.Value = append(v.Value, value)
}
