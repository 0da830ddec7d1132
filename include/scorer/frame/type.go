// Package frame knows MLeap's leap frame as JSON: its types, its schema, and how one value of it is read and written.
//
// A frame is {"schema":{"fields":[{"name","type"}...]},"rows":[[...]...]}. A type is either a scalar's name, which is
// nullable, or an object: {"type":"basic","base":"double","isNullable":false}, {"type":"tensor","base":"double",
// "dimensions":[14]}, {"type":"list","base":...}, {"type":"map","key":...,"base":...}; isNullable is true when absent.
package frame

import (
	"fmt"

	"leapline/scorer/internal/jsonscan"
)

// Base is the type of one element.
type Base uint8

// The bases of MLeap, in its order.
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

func (b Base) String() string { return baseNames[b] }

// Numeric says whether a value of the base becomes a double without a second thought.
func (b Base) Numeric() bool { return b >= Boolean && b <= Double }

// ParseBase reads a base's name; "int" is what MLeap calls an integer inside tensors and lists.
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
	Key      Base // of a map
	Nullable bool
	Dims     []int // of a tensor; empty when the writer did not know
}

// ScalarOf gives a scalar type.
func ScalarOf(b Base, nullable bool) Type { return Type{Kind: Scalar, Base: b, Nullable: nullable} }

// VectorOf gives the type of a tensor of doubles of one dimension.
func VectorOf(n int) Type { return Type{Kind: Tensor, Base: Double, Nullable: true, Dims: []int{n}} }

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

// AppendJSON writes a type as MLeap does: nullable scalars by name, all else as an object.
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

// Index finds a column by name, -1 when there is none.
func (s Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// AppendJSON writes {"fields":[...]}.
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
