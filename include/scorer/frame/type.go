// Package frame reads and writes the types, schemas and values of MLeap's leap frames in JSON.
//
// A frame is {"schema":{"fields":[{"name","type"}...]},"rows":[[...]...]}. A type is the name of a scalar, which is then
// nullable, or an object: {"type":"basic","base":"double","isNullable":false}, {"type":"tensor","base":"double",
// "dimensions":[14]}, {"type":"list","base":...}, {"type":"map","key":...,"base":...}. The default of isNullable is true.
package frame

import (
	"fmt"

	"leapline/scorer/internal/jsonscan"
)

// Base is the type of one element.
type Base uint8

// The base types of MLeap, in its order.
const (
	Undefined Base = iota
	Boolean
	Byte
	Short
	Integer
	Long
	Float
	Double
	String
	ByteString
)

var baseNames = [...]string{"undefined", "boolean", "byte", "short", "integer", "long", "float", "double", "string", "byte_string"}

// String returns the name of the base type in MLeap.
func (b Base) String() string { return baseNames[b] }

// Numeric reports whether values of the base type are numbers or booleans, which convert to double.
func (b Base) Numeric() bool { return b >= Boolean && b <= Double }

// ParseBase returns the base type of a name. Within tensors and lists MLeap calls an integer "int".
func ParseBase(name string) (Base, bool) {
	if name == "int" {
		return Integer, true
	}
	for i, n := range baseNames[1:] {
		if n == name {
			return Base(i + 1), true
		}
	}
	return Undefined, false
}

// Kind is the shape of a value.
type Kind uint8

// The kinds of MLeap.
const (
	Scalar Kind = iota
	List
	Tensor
	Map
)

// Type is the type of one column.
type Type struct {
	Kind     Kind
	Base     Base
	Key      Base // key type of a map
	Nullable bool
	Dims     []int // dimensions of a tensor; empty if unknown
}

// ScalarOf returns a scalar type.
func ScalarOf(b Base, nullable bool) Type { return Type{Kind: Scalar, Base: b, Nullable: nullable} }

// VectorOf returns the type of a vector of n doubles.
func VectorOf(n int) Type { return Type{Kind: Tensor, Base: Double, Nullable: true, Dims: []int{n}} }

// String returns a short form of the type, such as "double?" or "tensor(double)[3]".
func (t Type) String() string {
	null := ""
	if t.Nullable && t.Kind == Scalar {
		null = "?"
	}
	switch t.Kind {
	case Tensor:
		return fmt.Sprintf("tensor(%s)%v", t.Base, t.Dims)
	case List:
		return fmt.Sprintf("list(%s)", t.Base)
	case Map:
		return fmt.Sprintf("map(%s, %s)", t.Key, t.Base)
	}
	return t.Base.String() + null
}

// AppendJSON appends a type in MLeap's form: a nullable scalar as its name, all other types as an object.
func (t Type) AppendJSON(dst []byte) []byte {
	switch t.Kind {
	case Tensor:
		dst = append(dst, `{"type":"tensor","base":`...)
		dst = append(jsonscan.AppendString(dst, tensorBase(t.Base)), `,"dimensions":[`...)
		for i, n := range t.Dims {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = fmt.Appendf(dst, "%d", n)
		}
		dst = append(dst, ']')
	case List:
		dst = append(dst, `{"type":"list","base":`...)
		dst = jsonscan.AppendString(dst, tensorBase(t.Base))
	case Map:
		dst = append(dst, `{"type":"map","key":`...)
		dst = append(jsonscan.AppendString(dst, tensorBase(t.Key)), `,"base":`...)
		dst = jsonscan.AppendString(dst, tensorBase(t.Base))
	default:
		if t.Nullable {
			return jsonscan.AppendString(dst, t.Base.String())
		}
		dst = append(dst, `{"type":"basic","base":`...)
		dst = jsonscan.AppendString(dst, t.Base.String())
	}
	if !t.Nullable {
		dst = append(dst, `,"isNullable":false`...)
	}
	return append(dst, '}')
}

func tensorBase(b Base) string {
	if b == Integer {
		return "int"
	}
	return b.String()
}

// Field is a named column.
type Field struct {
	Name string
	Type Type
}

// Schema is the columns of a frame, in order.
type Schema struct{ Fields []Field }

// Index returns the position of the column with a name, or -1.
func (s Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// AppendJSON appends the schema, {"fields":[...]}.
func (s Schema) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"fields":[`...)
	for i, f := range s.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(append(dst, `{"name":`...), f.Name), `,"type":`...)
		dst = append(f.Type.AppendJSON(dst), '}')
	}
	return append(dst, ']', '}')
}
