package transform

import (
	"math"

	"leapline/scorer/frame"
)

// readCell checks one value of a column and sets the model's input, if the model reads the column (input >= 0).
func (t *Transformer) readCell(f *frame.Field, input int) error {
	s := &t.scan
	if null, err := s.Null(); null || err != nil {
		if err != nil {
			return err
		}
		return t.setNull(f, input)
	}
	switch f.Type.Kind {
	case frame.Tensor:
		return t.readTensor(f, input)
	case frame.List, frame.Map:
		if input >= 0 {
			return t.readTextList(input)
		}
		if c := s.Peek(); (c == '[') != (f.Type.Kind == frame.List) || (c == '{') != (f.Type.Kind == frame.Map) {
			return s.Errorf("not a %s", f.Type)
		}
		return s.Skip()
	}
	return t.readScalar(f, input)
}

func (t *Transformer) setNull(f *frame.Field, input int) error {
	real := f.Type.Base == frame.Double || f.Type.Base == frame.Float
	switch {
	case !f.Type.Nullable && !(f.Type.Kind == frame.Scalar && real):
		return t.scan.Errorf("null, expected %s", f.Type)
	case input < 0:
		return nil
	case !f.Type.Nullable:
		return t.row.SetDouble(input, math.NaN())
	}
	t.row.SetNull(input)
	return nil
}

func (t *Transformer) readScalar(f *frame.Field, input int) error {
	s := &t.scan
	switch f.Type.Base {
	case frame.Double, frame.Float:
		x, err := s.Float()
		if err != nil || input < 0 {
			return err
		}
		if f.Type.Base == frame.Float {
			return t.row.SetFloat(input, float32(x))
		}
		return t.row.SetDouble(input, x)
	case frame.Boolean:
		b, err := s.Bool()
		if err != nil || input < 0 {
			return err
		}
		return t.row.SetBool(input, b)
	case frame.String, frame.ByteString:
		text, err := s.Text()
		if err != nil || input < 0 {
			return err
		}
		return t.row.SetText(input, text)
	}
	n, err := s.Int()
	if err != nil {
		return err
	}
	if bits := integerBits[f.Type.Base]; n<<(64-bits)>>(64-bits) != n {
		return s.Errorf("%d does not fit %s", n, f.Type.Base)
	}
	if input < 0 {
		return nil
	}
	return t.row.SetLong(input, n)
}

var integerBits = [...]uint{frame.Byte: 8, frame.Short: 16, frame.Integer: 32, frame.Long: 64}

// readTextList reads a list of strings, the only lists that checkCast accepts as inputs.
func (t *Transformer) readTextList(input int) error {
	s := &t.scan
	if err := s.Array(); err != nil {
		return err
	}
	t.texts = t.texts[:0]
	for {
		more, err := s.Elem(len(t.texts) == 0)
		if err != nil {
			return err
		}
		if !more {
			return t.row.SetTextList(input, t.texts)
		}
		text, err := s.Text()
		if err != nil {
			return err
		}
		t.texts = append(t.texts, text)
	}
}

func (t *Transformer) readTensor(f *frame.Field, input int) error {
	if input < 0 && !f.Type.Base.Numeric() {
		if t.scan.Peek() != '{' {
			return t.scan.Errorf("not a %s", f.Type)
		}
		return t.scan.Skip()
	}
	if err := t.tensor.Parse(&t.scan); err != nil || input < 0 {
		return err
	}
	if t.tensor.Dims != 1 {
		return t.scan.Errorf("tensor has %d dimensions, expected one", t.tensor.Dims)
	}
	if err := t.castElements(f.Type.Base); err != nil {
		return err
	}
	if t.tensor.Sparse {
		return t.row.SetSparse(input, t.tensor.Size, t.tensor.Index, t.tensor.Values)
	}
	return t.row.SetVector(input, t.tensor.Values)
}

// castElements checks the tensor's elements against its base type, and rounds floats to 32 bits as MLeap does.
func (t *Transformer) castElements(base frame.Base) error {
	switch base {
	case frame.Double:
	case frame.Float:
		for i, x := range t.tensor.Values {
			t.tensor.Values[i] = float64(float32(x))
		}
	default:
		low, high := 0.0, 2.0 // range of a boolean
		if base != frame.Boolean {
			high = math.Ldexp(1, int(integerBits[base])-1)
			low = -high
		}
		for _, x := range t.tensor.Values {
			if x != math.Trunc(x) || x < low || x >= high {
				return t.scan.Errorf("tensor element %v does not fit %s", x, base)
			}
		}
	}
	return nil
}
