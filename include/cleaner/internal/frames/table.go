package frames

import (
	"encoding/binary"
	"math"
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
