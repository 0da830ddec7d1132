package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

var errProtobuf = errors.New("truncated or not a protobuf message")

// protoReader reads the fields of one protobuf message, without reflection and without a schema.
type protoReader struct {
	buf      []byte
	field    int    // number of the current field
	wireType int    // its wire type
	value    uint64 // its value, for a number
	data     []byte // its content, for a length-delimited field
}

const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
	wireFixed4 = 5
)

// next moves to the next field. It returns false at the end of the message.
func (w *protoReader) next() (bool, error) {
	if len(w.buf) == 0 {
		return false, nil
	}
	tag, err := w.varint()
	if err != nil {
		return false, err
	}
	w.field, w.wireType = int(tag>>3), int(tag&7)
	if w.field == 0 || tag>>3 > 1<<29 {
		return false, errProtobuf
	}
	w.value, w.data = 0, nil
	switch w.wireType {
	case wireVarint:
		w.value, err = w.varint()
	case wireFixed8:
		w.value, err = w.fixed(8)
	case wireFixed4:
		w.value, err = w.fixed(4)
	case wireBytes:
		w.data, err = w.bytes()
	default:
		err = errProtobuf
	}
	return err == nil, err
}

func (w *protoReader) varint() (uint64, error) {
	x, n := binary.Uvarint(w.buf)
	if n <= 0 {
		return 0, errProtobuf
	}
	w.buf = w.buf[n:]
	return x, nil
}

func (w *protoReader) fixed(n int) (uint64, error) {
	if len(w.buf) < n {
		return 0, errProtobuf
	}
	b := w.buf[:n]
	w.buf = w.buf[n:]
	if n == 4 {
		return uint64(binary.LittleEndian.Uint32(b)), nil
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (w *protoReader) bytes() ([]byte, error) {
	n, err := w.varint()
	if err != nil || n > uint64(len(w.buf)) {
		return nil, errProtobuf
	}
	b := w.buf[:n]
	w.buf = w.buf[n:]
	return b, nil
}

// expect rejects a field whose wire type is not the given one.
func (w *protoReader) expect(typ int) error {
	if w.wireType != typ {
		return fmt.Errorf("field %d has wire type %d, expected %d", w.field, w.wireType, typ)
	}
	return nil
}

func (w *protoReader) text(limit int) (string, error) {
	if err := w.expect(wireBytes); err != nil {
		return "", err
	}
	if len(w.data) > limit {
		return "", fmt.Errorf("string of %d bytes, the limit is %d", len(w.data), limit)
	}
	if !utf8.Valid(w.data) {
		return "", errors.New("string is not valid UTF-8")
	}
	return string(w.data), nil
}

// doubles appends one double or a packed list of doubles.
func (w *protoReader) doubles(dst []float64, limit int) ([]float64, error) {
	if w.wireType == wireFixed8 {
		return append(dst, math.Float64frombits(w.value)), checkList(len(dst)+1, limit)
	}
	if err := w.expect(wireBytes); err != nil {
		return dst, err
	}
	if len(w.data)%8 != 0 {
		return dst, errProtobuf
	}
	if err := checkList(len(dst)+len(w.data)/8, limit); err != nil {
		return dst, err
	}
	for b := w.data; len(b) > 0; b = b[8:] {
		dst = append(dst, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return dst, nil
}

// floats appends one float or a packed list of floats.
func (w *protoReader) floats(dst []float64, limit int) ([]float64, error) {
	if w.wireType == wireFixed4 {
		return append(dst, float64(math.Float32frombits(uint32(w.value)))), checkList(len(dst)+1, limit)
	}
	if err := w.expect(wireBytes); err != nil {
		return dst, err
	}
	if len(w.data)%4 != 0 {
		return dst, errProtobuf
	}
	if err := checkList(len(dst)+len(w.data)/4, limit); err != nil {
		return dst, err
	}
	for b := w.data; len(b) > 0; b = b[4:] {
		dst = append(dst, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return dst, nil
}

// longs appends one integer or a packed list of integers.
func (w *protoReader) longs(dst []int64, limit int) ([]int64, error) {
	if w.wireType == wireVarint {
		return append(dst, int64(w.value)), checkList(len(dst)+1, limit)
	}
	if err := w.expect(wireBytes); err != nil {
		return dst, err
	}
	packed := protoReader{buf: w.data}
	for len(packed.buf) > 0 {
		n, err := packed.varint()
		if err != nil {
			return dst, err
		}
		if dst = append(dst, int64(n)); len(dst) > limit {
			return dst, checkList(len(dst), limit)
		}
	}
	return dst, nil
}

func checkList(n, limit int) error {
	if n > limit {
		return fmt.Errorf("list exceeds the limit of %d elements", limit)
	}
	return nil
}
