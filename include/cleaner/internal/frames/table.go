package frames

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

const (
	int32s  byte = 'i'
	int64s  byte = 'l'
	doubles byte = 'd'
	texts   byte = 's'
)

// Column is a column of a table in Arrow's layout: validity bits, ends of texts, values.
type Column struct {
	kind   byte
	n      int
	valid  []byte
	ends   []byte
	values []byte
}

func (c *Column) next(ok bool) {
	if c.n&7 == 0 {
		c.valid = append(c.valid, 0)
	}
	if ok {
		c.valid[c.n>>3] |= 1 << (c.n & 7)
	}
	c.n++
}

// Text adds a text, or null.
func (c *Column) Text(text string, ok bool) {
	c.next(ok)
	if ok {
		c.values = append(c.values, text...)
	}
	c.ends = binary.LittleEndian.AppendUint32(c.ends, uint32(len(c.values)))
}

// Int adds a number, or null.
func (c *Column) Int(n int32, ok bool) {
	c.next(ok)
	c.values = binary.LittleEndian.AppendUint32(c.values, uint32(n))
}

// Long adds a number, or null.
func (c *Column) Long(n int64, ok bool) {
	c.next(ok)
	c.values = binary.LittleEndian.AppendUint64(c.values, uint64(n))
}

// Double adds a number, or null.
func (c *Column) Double(x float64, ok bool) {
	c.next(ok)
	c.values = binary.LittleEndian.AppendUint64(c.values, math.Float64bits(x))
}

// Reset removes all values.
func (c *Column) Reset() {
	c.n, c.valid, c.values = 0, c.valid[:0], c.values[:0]
	if c.kind == texts {
		c.ends = c.ends[:4]
	}
}

// Table writes columns of equal length.
func (w *Writer) Table(columns []*Column) error {
	w.out.WriteByte(Table)
	w.uint32(uint32(columns[0].n))
	w.uint32(uint32(len(columns)))
	var err error
	for _, column := range columns {
		w.out.WriteByte(column.kind)
		w.bytes(column.valid)
		if column.kind == texts {
			w.bytes(column.ends)
		}
		err = w.bytes(column.values)
	}
	return err
}

// Table reads columns after their kind; they have memory of their own.
func (r *Reader) Table() (rows int, columns []*Column, err error) {
	numbers, err := r.part(8)
	if err != nil {
		return 0, nil, err
	}
	rows = int(binary.LittleEndian.Uint32(numbers))
	for range binary.LittleEndian.Uint32(numbers[4:]) {
		column, err := r.column(rows)
		if err != nil {
			return 0, nil, err
		}
		columns = append(columns, column)
	}
	return rows, columns, nil
}

var widths = map[byte]int{int32s: 4, int64s: 8, doubles: 8}

func (r *Reader) column(rows int) (*Column, error) {
	kind, err := r.in.ReadByte()
	if err != nil {
		return nil, truncated(err)
	}
	column := &Column{kind: kind, n: rows}
	buffers := []*[]byte{&column.valid, &column.values}
	if kind == texts {
		buffers = []*[]byte{&column.valid, &column.ends, &column.values}
	}
	for _, buffer := range buffers {
		size, err := r.uint32()
		if err != nil {
			return nil, err
		}
		if *buffer, err = r.part(int(size)); err != nil {
			return nil, err
		}
	}
	return column, column.check()
}

// check compares the sizes of a column's buffers, which may be padded, with its number of values.
func (c *Column) check() error {
	width, ok := widths[c.kind]
	isComplete := len(c.values) >= width*c.n
	if c.kind == texts {
		isComplete = len(c.ends) >= 4*(c.n+1) && uint64(len(c.values)) >= uint64(binary.LittleEndian.Uint32(c.ends[4*c.n:]))
	}
	if !ok && c.kind != texts || !isComplete || len(c.valid) > 0 && len(c.valid) < (c.n+7)/8 {
		return fmt.Errorf("a column of kind %q has fewer than %d values", c.kind, c.n)
	}
	return nil
}

// Kind returns the letter of the column's type.
func (c *Column) Kind() byte { return c.kind }

// Has reports whether a value is not null.
func (c *Column) Has(i int) bool { return len(c.valid) == 0 || c.valid[i>>3]>>(i&7)&1 != 0 }

// TextAt returns a text, which shares the column's memory.
func (c *Column) TextAt(i int) string {
	text := c.values[binary.LittleEndian.Uint32(c.ends[4*i:]):binary.LittleEndian.Uint32(c.ends[4*i+4:])]
	return unsafe.String(unsafe.SliceData(text), len(text))
}

// IntAt returns a 32-bit number.
func (c *Column) IntAt(i int) int32 { return int32(binary.LittleEndian.Uint32(c.values[4*i:])) }

// LongAt returns a 64-bit number.
func (c *Column) LongAt(i int) int64 { return int64(binary.LittleEndian.Uint64(c.values[8*i:])) }

// DoubleAt returns a floating-point number.
func (c *Column) DoubleAt(i int) float64 { return math.Float64frombits(uint64(c.LongAt(i))) }
