package transform

import (
	"fmt"

	"leapline/scorer/engine"
)

// appendRows appends the response up to the end of its rows, which are scored in blocks. Errors are those of scoring each row
// after it has been read.
func (t *Transformer) appendRows(resp *response) error {
	s := &t.scan
	if err := s.Array(); err != nil {
		return err
	}
	resp.dst = append(append(resp.dst, t.head...), '[')
	t.cells = t.cells[:0]
	for n := 0; ; n++ {
		more, err := s.Elem(n == 0)
		if err == nil && more {
			err = t.readRow(n, len(resp.dst))
		}
		if err != nil || !more || len(t.cells) >= t.block.Capacity() {
			if flushErr := t.flush(resp); flushErr != nil {
				return flushErr
			}
		}
		if err == nil && !more {
			resp.dst, resp.complete = append(resp.dst, ']'), true
			return nil
		}
		if err != nil {
			return t.failure(n, len(resp.dst), err)
		}
	}
}

// readRow reads the row that is next in the body into the block.
func (t *Transformer) readRow(n, size int) error {
	if t.BeforeRow != nil {
		if err := t.BeforeRow(n, size); err != nil {
			return err
		}
	}
	t.row = t.block.Row(len(t.cells))
	cells, err := t.readCells()
	if err != nil {
		return fmt.Errorf("row %d: %w", n, err)
	}
	t.cells = append(t.cells, cells)
	return nil
}

// failure returns the error of row n when the rows before it have been appended, which may exceed a limit.
func (t *Transformer) failure(n, size int, err error) error {
	if t.BeforeRow != nil {
		if limitErr := t.BeforeRow(n, size); limitErr != nil {
			return limitErr
		}
	}
	return err
}

// BlockBytes returns the memory of the rows that have been read and not yet been scored.
func (t *Transformer) BlockBytes() int64 { return t.block.Bytes(len(t.cells) + 1) }

// flush scores the rows of the block and appends them to the response.
func (t *Transformer) flush(resp *response) error {
	done, err := t.block.Run(len(t.cells))
	for i, cells := range t.cells[:done] {
		if t.BeforeRow != nil {
			if err := t.BeforeRow(resp.rows, len(resp.dst)); err != nil {
				return err
			}
		}
		if resp.rows > 0 {
			resp.dst = append(resp.dst, ',')
		}
		resp.dst = t.appendRow(resp.dst, t.block.Row(i), cells)
		resp.rows++
	}
	t.cells = t.cells[:0]
	if err != nil {
		return t.failure(resp.rows, len(resp.dst), fmt.Errorf("row %d: %w", resp.rows, err))
	}
	return nil
}

// readCells reads the values of a row and returns their positions in the body.
func (t *Transformer) readCells() (cells [2]int, err error) {
	s := &t.scan
	if err := s.Array(); err != nil {
		return cells, err
	}
	t.row.Reset()
	s.Peek()
	start, end := s.Pos(), s.Pos()
	for i := range t.fields {
		more, err := s.Elem(i == 0)
		if err != nil {
			return cells, err
		}
		if !more {
			return cells, s.Errorf("%d values, expected %d", i, len(t.fields))
		}
		if err := t.readCell(&t.fields[i], t.inputOf[i]); err != nil {
			return cells, fmt.Errorf("column %q: %w", t.fields[i].Name, err)
		}
		end = s.Pos()
	}
	if more, err := s.Elem(len(t.fields) == 0); more || err != nil {
		return cells, s.Errorf("more than %d values", len(t.fields))
	}
	return [2]int{start, end}, nil
}

// appendRow appends the values of a row verbatim, followed by the model's outputs.
func (t *Transformer) appendRow(dst []byte, row *engine.Row, cells [2]int) []byte {
	if t.afterRow != nil {
		t.afterRow(row)
	}
	dst = append(append(dst, '['), t.scan.Between(cells[0], cells[1])...)
	for k := range t.outputs {
		if k > 0 || cells[1] > cells[0] {
			dst = append(dst, ',')
		}
		dst = row.AppendJSON(dst, k)
	}
	return append(dst, ']')
}
