package bundle

import (
	"fmt"
	"slices"
)

// Kind is the shape of an attribute's value.
type Kind uint8

// The kinds of attribute values in Bundle.ML.
const (
	Scalar Kind = iota
	List
	TensorKind
)

// Type is the type of an attribute's value or of its elements. Byte and Short are encoded like Int.
type Type uint8

// The types of attribute values in Bundle.ML. Unset is the type of a default value or an empty list, whose encoding does
// not contain one.
const (
	Unset Type = iota
	Boolean
	Byte
	Short
	Int
	Long
	Float
	Double
	String
	ByteString
	TensorType
	BasicType
	DataShape
	ModelType
)

var typeNames = [...]string{
	"unset", "boolean", "byte", "short", "int", "long", "float", "double", "string", "byte_string",
	"tensor", "basic_type", "data_shape", "model",
}

// String returns the name of the type in Bundle.ML.
func (t Type) String() string { return typeNames[t] }

func parseType(name string) (Type, bool) {
	i := slices.Index(typeNames[1:], name)
	return Type(i + 1), i >= 0
}

// Tensor is a dense array with dimensions. A matrix is stored column by column.
type Tensor struct {
	Type    Type
	Dims    []int
	Doubles []float64 // elements of a numeric or boolean tensor
	Texts   []string  // elements of a string tensor
	hasNull bool      // whether an element is a JSON null
}

// Shape is the type of a column as a stage declares it.
type Shape struct {
	Base     ShapeBase
	Nullable bool
	Dims     []int
}

// ShapeBase is the kind of a column.
type ShapeBase uint8

// The kinds of columns.
const (
	ShapeScalar ShapeBase = iota
	ShapeList
	ShapeTensor
)

// Value is the value of an attribute. Its elements are in the slice for its type; a scalar has one element.
type Value struct {
	Kind    Kind
	Type    Type
	longs   []int64 // booleans, ints and longs
	doubles []float64
	texts   []string
	tensors []Tensor
	shapes  []Shape
	hasNull bool // whether a number is a JSON null
}

// String returns the kind and type, such as "list of double".
func (v *Value) String() string {
	switch v.Kind {
	case List:
		return "list of " + v.Type.String()
	case TensorKind:
		return "tensor of " + v.Type.String()
	}
	return v.Type.String()
}

// Model is a model file: an op and its typed attributes.
type Model struct {
	Entry      string
	Op         string
	Attributes map[string]*Value
}

// Has reports whether the model has an attribute.
func (m *Model) Has(name string) bool { return m.Attributes[name] != nil }

// get returns an attribute of the given kind and type. A default scalar and an empty list match every type.
func (m *Model) get(name string, kind Kind, typ Type) (*Value, error) {
	v := m.Attributes[name]
	want := Value{Kind: kind, Type: typ}
	if v == nil {
		return nil, entryErrf(m.Entry, "op %s has no attribute %q, expected %s", m.Op, name, want.String())
	}
	if v.Kind != kind || (v.Type != typ && v.Type != Unset) {
		return nil, entryErrf(m.Entry, "attribute %q is %s, expected %s", name, v, want.String())
	}
	return v, nil
}

// scalar returns the first value, or the zero value of the type for a default scalar.
func scalar[T any](values []T) (zero T) {
	if len(values) == 0 {
		return zero
	}
	return values[0]
}

// Long returns a scalar of type long.
func (m *Model) Long(name string) (int64, error) {
	v, err := m.get(name, Scalar, Long)
	if err != nil {
		return 0, err
	}
	return scalar(v.longs), nil
}

// Int returns a scalar of type int.
func (m *Model) Int(name string) (int64, error) {
	v, err := m.get(name, Scalar, Int)
	if err != nil {
		return 0, err
	}
	return scalar(v.longs), nil
}

// Bool returns a scalar of type boolean.
func (m *Model) Bool(name string) (bool, error) {
	v, err := m.get(name, Scalar, Boolean)
	if err != nil {
		return false, err
	}
	return scalar(v.longs) != 0, nil
}

// Double returns a scalar of type double. A JSON null is rejected, because writers emit it for NaN and both infinities.
func (m *Model) Double(name string) (float64, error) {
	x, err := m.DoubleOrNull(name)
	if err == nil && m.Attributes[name].hasNull {
		err = m.nullError(name)
	}
	return x, err
}

// DoubleOrNull returns a scalar of type double. A JSON null is NaN.
func (m *Model) DoubleOrNull(name string) (float64, error) {
	v, err := m.get(name, Scalar, Double)
	if err != nil {
		return 0, err
	}
	return scalar(v.doubles), nil
}

func (m *Model) nullError(name string) error {
	return entryErrf(m.Entry, "attribute %q contains null, which JSON writers emit for NaN and infinite numbers: "+
		"write the bundle in the format protobuf", name)
}

// Text returns a scalar of type string.
func (m *Model) Text(name string) (string, error) {
	v, err := m.get(name, Scalar, String)
	if err != nil {
		return "", err
	}
	return scalar(v.texts), nil
}

// Longs returns a list of long.
func (m *Model) Longs(name string) ([]int64, error) {
	v, err := m.get(name, List, Long)
	if err != nil {
		return nil, err
	}
	return v.longs, nil
}

// Ints returns a list of int.
func (m *Model) Ints(name string) ([]int64, error) {
	v, err := m.get(name, List, Int)
	if err != nil {
		return nil, err
	}
	return v.longs, nil
}

// Doubles returns a list of double. A JSON null is rejected like in Double.
func (m *Model) Doubles(name string) ([]float64, error) {
	values, err := m.DoublesOrNull(name)
	if err == nil && m.Attributes[name].hasNull {
		err = m.nullError(name)
	}
	return values, err
}

// DoublesOrNull returns a list of double. A JSON null is NaN.
func (m *Model) DoublesOrNull(name string) ([]float64, error) {
	v, err := m.get(name, List, Double)
	if err != nil {
		return nil, err
	}
	return v.doubles, nil
}

// Texts returns a list of string.
func (m *Model) Texts(name string) ([]string, error) {
	v, err := m.get(name, List, String)
	if err != nil {
		return nil, err
	}
	return v.texts, nil
}

// BasicTypes returns the names of a list of basic_type.
func (m *Model) BasicTypes(name string) ([]string, error) {
	v, err := m.get(name, List, BasicType)
	if err != nil {
		return nil, err
	}
	return v.texts, nil
}

// Tensors returns a list of tensors of double. A JSON null is rejected like in Double.
func (m *Model) Tensors(name string) ([]Tensor, error) {
	v, err := m.get(name, List, TensorType)
	if err != nil {
		return nil, err
	}
	for _, t := range v.tensors {
		if t.Type != Double && len(t.Dims) > 0 {
			return nil, entryErrf(m.Entry, "attribute %q has tensors of %s, expected double", name, t.Type)
		}
		if t.hasNull {
			return nil, m.nullError(name)
		}
	}
	return v.tensors, nil
}

// Tensor returns a tensor of double. A JSON null is rejected like in Double.
func (m *Model) Tensor(name string) (Tensor, error) {
	v, err := m.get(name, TensorKind, Double)
	if err != nil {
		return Tensor{}, err
	}
	if v.tensors[0].hasNull {
		return Tensor{}, m.nullError(name)
	}
	return v.tensors[0], nil
}

// Vector returns the values of a tensor of double with one dimension.
func (m *Model) Vector(name string) ([]float64, error) {
	t, err := m.Tensor(name)
	if err != nil {
		return nil, err
	}
	if len(t.Dims) != 1 {
		return nil, entryErrf(m.Entry, "attribute %q has dimensions %v, expected one", name, t.Dims)
	}
	return t.Doubles, nil
}

// Matrix returns the values of a tensor of double with two dimensions, column by column.
func (m *Model) Matrix(name string) (rows, cols int, values []float64, err error) {
	t, err := m.Tensor(name)
	if err != nil {
		return 0, 0, nil, err
	}
	if len(t.Dims) != 2 {
		return 0, 0, nil, entryErrf(m.Entry, "attribute %q has dimensions %v, expected two", name, t.Dims)
	}
	return t.Dims[0], t.Dims[1], t.Doubles, nil
}

// Shape returns a scalar of type data_shape.
func (m *Model) Shape(name string) (Shape, error) {
	v, err := m.get(name, Scalar, DataShape)
	if err != nil {
		return Shape{}, err
	}
	return scalar(v.shapes), nil
}

// Shapes returns a list of data_shape.
func (m *Model) Shapes(name string) ([]Shape, error) {
	v, err := m.get(name, List, DataShape)
	if err != nil {
		return nil, err
	}
	return v.shapes, nil
}

// volume returns the product of dimensions. It rejects a negative dimension and more than limit elements.
func volume(dims []int, limit int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("dimensions %v contain a negative size", dims)
		}
		if d > 0 && n > limit/d {
			return 0, fmt.Errorf("dimensions %v exceed the limit of %d elements", dims, limit)
		}
		n *= d
	}
	return n, nil
}

// check rejects a tensor whose number of values does not match its dimensions.
func (t *Tensor) check(limit int) error {
	n, err := volume(t.Dims, limit)
	if err != nil {
		return err
	}
	if have := len(t.Doubles) + len(t.Texts); have != n {
		return fmt.Errorf("dimensions %v require %d values, found %d", t.Dims, n, have)
	}
	return nil
}
