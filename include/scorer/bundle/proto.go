package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// readMessage reads a protobuf message and calls read for each field.
func readMessage(data []byte, read func(w *protoReader) error) error {
	w := protoReader{buf: data}
	for {
		more, err := w.next()
		if !more || err != nil {
			return err
		}
		if err := read(&w); err != nil {
			return err
		}
	}
}

// submessage reads the current field as a message.
func (w *protoReader) submessage(read func(w *protoReader) error) error {
	if err := w.expect(wireBytes); err != nil {
		return err
	}
	return readMessage(w.data, read)
}

func (n *Node) parseProto(data []byte, lim Limits) error {
	return readMessage(data, func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			n.Name, err = w.text(lim.Text)
		case 2:
			err = w.submessage(func(w *protoReader) error { return n.shapeProto(w, lim) })
		}
		return err
	})
}

func (n *Node) shapeProto(w *protoReader, lim Limits) error {
	side := &n.Inputs
	switch w.field {
	case 1:
	case 2:
		side = &n.Outputs
	default:
		return nil
	}
	if err := checkList(len(*side)+1, lim.List); err != nil {
		return err
	}
	var k Socket
	err := w.submessage(func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			k.Port, err = w.text(lim.Text)
		case 2:
			k.Name, err = w.text(lim.Text)
		}
		return err
	})
	*side = append(*side, k)
	return err
}

func (m *Model) parseProto(data []byte, lim Limits) error {
	attributes := false
	err := readMessage(data, func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			m.Op, err = w.text(lim.Text)
		case 2:
			attributes = true
			err = w.submessage(func(w *protoReader) error { return m.attributeProto(w, lim) })
		}
		return err
	})
	if err == nil && !attributes {
		err = fmt.Errorf("has no attributes")
	}
	return err
}

// attributeProto reads one entry of the attribute map: field 1 is the key, field 2 the value.
func (m *Model) attributeProto(w *protoReader, lim Limits) error {
	if w.field != 1 {
		return nil
	}
	var key string
	value := &Value{}
	err := w.submessage(func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			key, err = w.text(lim.Text)
		case 2:
			err = w.submessage(func(w *protoReader) error { return value.parseProto(w, lim) })
		}
		if err != nil && key != "" {
			err = fmt.Errorf("attribute %.200q: %w", key, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	if m.Attributes[key] != nil {
		return fmt.Errorf("attribute %.200q is duplicated", key)
	}
	if len(m.Attributes) == lim.List {
		return fmt.Errorf("more than %d attributes", lim.List)
	}
	m.Attributes[key] = value
	return nil
}

// parseProto reads the single field of a value: 1 scalar, 2 list, 3 tensor.
func (v *Value) parseProto(w *protoReader, lim Limits) error {
	switch w.field {
	case 1:
		v.Kind = Scalar
		return w.submessage(func(w *protoReader) error { return v.elementProto(w, lim, 1) })
	case 2:
		v.Kind = List
		return w.submessage(func(w *protoReader) error { return v.elementProto(w, lim, lim.List) })
	case 3:
		v.Kind = TensorKind
		t, err := tensorProto(w, lim)
		v.Type, v.tensors = t.Type, []Tensor{t}
		return err
	}
	return nil
}

// elementTypes maps the field number of a scalar or list to its type.
var elementTypes = [...]Type{
	Unset, Boolean, String, Int, Long, Float, Double, ByteString, TensorType, BasicType, DataShape, ModelType,
}

// elementProto reads the element or the packed elements of one field. The value may have up to limit elements.
func (v *Value) elementProto(w *protoReader, lim Limits, limit int) (err error) {
	if w.field >= len(elementTypes) {
		return nil
	}
	typ := elementTypes[w.field]
	if v.Type != Unset && v.Type != typ {
		return fmt.Errorf("both %s and %s", v.Type, typ)
	}
	v.Type = typ
	switch typ {
	case Boolean, Long:
		v.longs, err = w.longs(v.longs, limit)
	case Int:
		if v.longs, err = w.longs(v.longs, limit); err == nil {
			err = checkInts(v.longs)
		}
	case Float:
		v.doubles, err = w.floats(v.doubles, limit)
	case Double:
		v.doubles, err = w.doubles(v.doubles, limit)
	case String:
		var t string
		t, err = w.text(lim.Text)
		v.texts = append(v.texts, t)
		err = errors.Join(err, checkList(len(v.texts), limit))
	case BasicType:
		var numbers []int64
		numbers, err = w.longs(nil, limit)
		for _, n := range numbers {
			v.texts = append(v.texts, protoBases[uint64(n)].typ.String())
		}
		err = errors.Join(err, checkList(len(v.texts), limit))
	case TensorType:
		var t Tensor
		t, err = tensorProto(w, lim)
		v.tensors = append(v.tensors, t)
		err = errors.Join(err, checkList(len(v.tensors), limit))
	case DataShape:
		var s Shape
		s, err = shapeProto(w)
		v.shapes = append(v.shapes, s)
		err = errors.Join(err, checkList(len(v.shapes), limit))
	}
	return err
}

func checkInts(values []int64) error {
	for _, n := range values {
		if n != int64(int32(n)) {
			return fmt.Errorf("%d does not fit 32 bits", n)
		}
	}
	return nil
}

func shapeProto(w *protoReader) (shape Shape, err error) {
	err = w.submessage(func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			if err = w.expect(wireVarint); err == nil && w.value > uint64(ShapeTensor) {
				err = fmt.Errorf("base %d, expected 0, 1 or 2", w.value)
			}
			shape.Base = ShapeBase(w.value)
		case 2:
			err = w.expect(wireVarint)
			shape.Nullable = w.value != 0
		case 3:
			shape.Dims, err = dimsProto(w)
		}
		return err
	})
	return shape, err
}

// dimsProto reads a TensorShape: field 1 is a repeated dimension with the fields 1 size and 2 name.
func dimsProto(w *protoReader) (dims []int, err error) {
	err = w.submessage(func(w *protoReader) error {
		if w.field != 1 {
			return nil
		}
		size := 0
		err := w.submessage(func(w *protoReader) (err error) {
			if w.field == 1 {
				if err = w.expect(wireVarint); err == nil {
					err = checkInts([]int64{int64(w.value)})
				}
				size = int(int64(w.value))
			}
			return err
		})
		dims = append(dims, size)
		return errors.Join(err, checkList(len(dims), 16))
	})
	return dims, err
}

// protoBases maps the number of a BasicType to the type and the bytes per element.
var protoBases = map[uint64]struct {
	typ  Type
	size int
}{
	1: {Boolean, 1}, 2: {Byte, 1}, 3: {Short, 2}, 4: {Int, 4}, 5: {Long, 8}, 6: {Float, 4}, 7: {Double, 8},
	100: {String, 0}, 101: {ByteString, 0},
}

func tensorProto(w *protoReader, lim Limits) (t Tensor, err error) {
	var base uint64
	var raw []byte
	err = w.submessage(func(w *protoReader) (err error) {
		switch w.field {
		case 1:
			err = w.expect(wireVarint)
			base = w.value
		case 2:
			t.Dims, err = dimsProto(w)
		case 3:
			err = w.expect(wireBytes)
			raw = w.data
		}
		return err
	})
	if err == nil {
		err = t.fill(base, raw, lim)
	}
	return t, err
}

// fill decodes the raw array of a tensor, which is big-endian.
func (t *Tensor) fill(base uint64, raw []byte, lim Limits) error {
	b, ok := protoBases[base]
	if !ok && (base != 0 || len(raw) > 0) {
		return fmt.Errorf("tensor has the unsupported basic type %d", base)
	}
	t.Type = b.typ
	if b.size == 0 {
		if err := t.fillTexts(raw, lim); err != nil {
			return err
		}
		return t.check(lim.List)
	}
	if len(raw)%b.size != 0 {
		return fmt.Errorf("tensor has %d bytes, expected a multiple of %d", len(raw), b.size)
	}
	if err := checkList(len(raw)/b.size, lim.List); err != nil {
		return err
	}
	t.Doubles = make([]float64, 0, len(raw)/b.size)
	for ; len(raw) > 0; raw = raw[b.size:] {
		t.Doubles = append(t.Doubles, bigEndian(b.typ, raw))
	}
	return t.check(lim.List)
}

func bigEndian(typ Type, raw []byte) float64 {
	switch typ {
	case Short:
		return float64(int16(binary.BigEndian.Uint16(raw)))
	case Int:
		return float64(int32(binary.BigEndian.Uint32(raw)))
	case Long:
		return float64(int64(binary.BigEndian.Uint64(raw)))
	case Float:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(raw)))
	case Double:
		return math.Float64frombits(binary.BigEndian.Uint64(raw))
	}
	return float64(int8(raw[0]))
}

func (t *Tensor) fillTexts(raw []byte, lim Limits) error {
	for len(raw) > 0 {
		if len(raw) < 4 {
			return errProtobuf
		}
		n := binary.BigEndian.Uint32(raw)
		if raw = raw[4:]; uint64(n) > uint64(min(len(raw), lim.Text)) {
			return fmt.Errorf("tensor contains a string of %d bytes, %d bytes remain and the limit is %d", n, len(raw), lim.Text)
		}
		t.Texts = append(t.Texts, string(raw[:n]))
		if err := checkList(len(t.Texts), lim.List); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}
