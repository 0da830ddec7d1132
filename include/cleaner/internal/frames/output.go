package frames

// Output collects a table's rows and writes them in parts.
type Output struct {
	Columns []*Column
	table   func([]*Column) error
	rows    int // of a part
	err     error
}

const (
	rowsPerTable  = 1 << 15
	cellsPerTable = 1 << 20
)

// NewOutput returns an output without rows, which passes its parts to a function. Each letter stands for a column: s texts or bytes,
// i 32-bit and l 64-bit numbers, d floating-point numbers.
func NewOutput(table func([]*Column) error, kinds string) *Output {
	o := &Output{table: table, rows: max(1, min(rowsPerTable, cellsPerTable/len(kinds)))}
	for _, kind := range []byte(kinds) {
		column := &Column{kind: kind}
		if kind == texts {
			column.ends = make([]byte, 4)
		}
		o.Columns = append(o.Columns, column)
	}
	return o
}

// End ends a row, whose values are in the columns.
func (o *Output) End() {
	if o.Columns[0].n >= o.rows {
		o.write()
	}
}

// Flush writes the remaining rows and returns the first error.
func (o *Output) Flush() error {
	if o.Columns[0].n > 0 {
		o.write()
	}
	return o.err
}

func (o *Output) write() {
	if err := o.table(o.Columns); err != nil && o.err == nil {
		o.err = err
	}
	for _, column := range o.Columns {
		column.Reset()
	}
}
