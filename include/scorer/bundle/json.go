package bundle

import (
	"fmt"
	"math"

	"leapline/scorer/internal/jsonscan"
)

func (n *Node) parseJSON(data []byte, lim Limits) error {
	var named, shaped bool
	s := jsonscan.New(data)
	err := readObject(s, func(key string) (err error) {
		switch key {
		case "name":
			named = true
			n.Name, err = readString(s, lim.Text)
		case "shape":
			shaped = true
			err = n.shapeJSON(s, lim)
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil && !(named && shaped) {
		err = fmt.Errorf("a name and a shape are required")
	}
	return err
}

func (n *Node) shapeJSON(s *jsonscan.Scanner, lim Limits) error {
	sides := map[string]*[]Socket{"inputs": &n.Inputs, "outputs": &n.Outputs}
	err := s.Members(func(key string) error {
		side := sides[key]
		if side == nil {
			return s.Skip()
		}
		delete(sides, key)
		return s.Elements(lim.List, func() error {
			var socket Socket
			err := socket.parseJSON(s, lim)
			*side = append(*side, socket)
			return err
		})
	})
	if err == nil && len(sides) > 0 {
		err = fmt.Errorf("shape must contain inputs and outputs exactly once")
	}
	return err
}

func (k *Socket) parseJSON(s *jsonscan.Scanner, lim Limits) error {
	return s.Members(func(key string) (err error) {
		switch key {
		case "port":
			k.Port, err = readString(s, lim.Text)
		case "name":
			k.Name, err = readString(s, lim.Text)
		default:
			err = s.Skip()
		}
		return err
	})
}

func (m *Model) parseJSON(data []byte, lim Limits) error {
	attributes := false
	s := jsonscan.New(data)
	err := readObject(s, func(key string) (err error) {
		switch key {
		case "op":
			m.Op, err = readString(s, lim.Text)
		case "attributes":
			attributes = true
			err = m.attributesJSON(s, lim)
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil && !attributes {
		err = fmt.Errorf("has no attributes")
	}
	return err
}

func (m *Model) attributesJSON(s *jsonscan.Scanner, lim Limits) error {
	return s.Members(func(key string) error {
		if m.Attributes[key] != nil {
			return s.Errorf("attribute %.200q is duplicated", key)
		}
		if len(m.Attributes) == lim.List {
			return s.Errorf("more than %d attributes", lim.List)
		}
		v := &Value{}
		m.Attributes[key] = v
		if err := v.parseJSON(s, lim); err != nil {
			return fmt.Errorf("attribute %.200q: %w", key, err)
		}
		return nil
	})
}

// parseJSON reads the kind of a value first and then its elements, in two passes over the object, because the keys may be
// in any order.
func (v *Value) parseJSON(s *jsonscan.Scanner, lim Limits) error {
	s.Peek()
	start := s.Pos()
	err := s.Members(func(key string) error {
		if key != "type" {
			return s.Skip()
		}
		kind, err := readString(s, lim.Text)
		if err != nil {
			return err
		}
		switch kind {
		case "list":
			v.Kind = List
		case "tensor":
			v.Kind = TensorKind
		default:
			return s.Errorf("type %.40q, expected list or tensor", kind)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Seek(start)
	if v.Kind == TensorKind {
		tensor, err := tensorJSON(s, lim)
		v.Type, v.tensors = tensor.Type, []Tensor{tensor}
		return err
	}
	return v.valuesJSON(s, lim)
}

func (v *Value) valuesJSON(s *jsonscan.Scanner, lim Limits) error {
	return s.Members(func(key string) error {
		typ, ok := parseType(key)
		if !ok {
			return s.Skip()
		}
		if v.Type != Unset {
			return s.Errorf("both %s and %s", v.Type, typ)
		}
		v.Type = typ
		if v.Kind == Scalar {
			return v.elementJSON(s, lim)
		}
		return s.Elements(lim.List, func() error { return v.elementJSON(s, lim) })
	})
}

func (v *Value) elementJSON(s *jsonscan.Scanner, lim Limits) (err error) {
	switch v.Type {
	case Boolean:
		var b bool
		b, err = s.Bool()
		v.longs = append(v.longs, b2i(b))
	case Int, Long, Byte, Short:
		var n int64
		if n, err = s.Int(); err == nil && v.Type != Long && n != int64(int32(n)) {
			err = s.Errorf("%d does not fit 32 bits", n)
		}
		v.longs = append(v.longs, n)
	case Double, Float:
		var x float64
		v.hasNull = v.hasNull || s.Peek() == 'n'
		x, err = s.FloatOrNull()
		v.doubles = append(v.doubles, x)
	case String, ByteString, BasicType:
		var t string
		t, err = readString(s, lim.Text)
		v.texts = append(v.texts, t)
	case TensorType:
		var t Tensor
		t, err = tensorJSON(s, lim)
		v.tensors = append(v.tensors, t)
	case DataShape:
		var shape Shape
		shape, err = shapeJSON(s, lim)
		v.shapes = append(v.shapes, shape)
	default: // a nested model, which no supported op reads
		err = s.Skip()
	}
	return err
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func tensorJSON(s *jsonscan.Scanner, lim Limits) (t Tensor, err error) {
	shaped := false
	err = s.Members(func(key string) (err error) {
		if key == "shape" {
			shaped = true
			t.Dims, err = dimsJSON(s, lim)
			return err
		}
		typ, ok := parseType(key)
		if !ok || typ > ByteString {
			return s.Skip()
		}
		if t.Type != Unset {
			return s.Errorf("both %s and %s", t.Type, typ)
		}
		t.Type = typ
		return s.Elements(lim.List, func() error { return t.elementJSON(s, lim) })
	})
	if err == nil && !shaped {
		err = fmt.Errorf("tensor has no shape")
	}
	if err == nil {
		err = t.check(lim.List)
	}
	return t, err
}

func (t *Tensor) elementJSON(s *jsonscan.Scanner, lim Limits) error {
	switch t.Type {
	case String, ByteString:
		value, err := readString(s, lim.Text)
		t.Texts = append(t.Texts, value)
		return err
	case Boolean:
		b, err := s.Bool()
		t.Doubles = append(t.Doubles, float64(b2i(b)))
		return err
	}
	t.hasNull = t.hasNull || s.Peek() == 'n'
	x, err := s.FloatOrNull()
	t.Doubles = append(t.Doubles, x)
	return err
}

// dimsJSON reads {"dimensions":[{"size":14,"name":""}]}.
func dimsJSON(s *jsonscan.Scanner, lim Limits) (dims []int, err error) {
	dimensioned := false
	err = s.Members(func(key string) error {
		if key != "dimensions" {
			return s.Skip()
		}
		dimensioned = true
		return s.Elements(16, func() error {
			size, err := dimJSON(s, lim)
			dims = append(dims, size)
			return err
		})
	})
	if err == nil && !dimensioned {
		err = fmt.Errorf("shape has no dimensions")
	}
	return dims, err
}

func dimJSON(s *jsonscan.Scanner, lim Limits) (size int, err error) {
	size = math.MinInt
	err = s.Members(func(key string) error {
		if key != "size" {
			return s.Skip()
		}
		n, err := s.Int()
		if err == nil && n != int64(int32(n)) {
			err = s.Errorf("size %d does not fit 32 bits", n)
		}
		size = int(n)
		return err
	})
	if err == nil && size == math.MinInt {
		err = s.Errorf("dimension has no size")
	}
	return size, err
}

func shapeJSON(s *jsonscan.Scanner, lim Limits) (shape Shape, err error) {
	bases := map[string]ShapeBase{"scalar": ShapeScalar, "list": ShapeList, "tensor": ShapeTensor}
	based := false
	err = s.Members(func(key string) (err error) {
		switch key {
		case "base":
			var name string
			if name, err = readString(s, lim.Text); err == nil {
				if shape.Base, based = bases[name]; !based {
					err = s.Errorf("base %.40q, expected scalar, list or tensor", name)
				}
			}
		case "isNullable":
			shape.Nullable, err = s.Bool()
		case "tensorShape":
			shape.Dims, err = dimsJSON(s, lim)
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil && !based {
		err = fmt.Errorf("data_shape has no base")
	}
	return shape, err
}
