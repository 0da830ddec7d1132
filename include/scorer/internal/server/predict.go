package server

import (
	"fmt"
	"net/http"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// rowsBetweenChecks is how many rows are scored between two looks at whether the caller still waits.
const rowsBetweenChecks = 256

// predict scores rows of named values:
//
//	{"rows": [{"x0": 1.5, "colour": "red"}, ...], "columns": ["prediction"]}
func (s *Server) predict(m *Model, x *exchange) error {
	q, err := x.readQuery()
	if err != nil {
		return err
	}
	c := m.standard
	if q.columns != nil {
		if c, err = m.plan(q.columns); err != nil {
			return problem(http.StatusUnprocessableEntity, "%v", err)
		}
	}
	x.contentType = jsonType
	x.out = append(x.out, m.answerStart...)
	row := c.rows.Get().(*engine.Row)
	n, err := s.predictRows(m, c, x, row, q)
	if err != nil {
		return err
	}
	c.rows.Put(row)
	s.metrics.rows.Add(uint64(n))
	x.out = append(x.out, "]}\n"...)
	return nil
}

// predictRows scores the rows one by one, straight from the body into the answer; it gives their number.
func (s *Server) predictRows(m *Model, c *scoring, x *exchange, row *engine.Row, q query) (int, error) {
	x.scan.Seek(q.at)
	if q.single {
		return 1, s.predictRow(m, c, x, row, 0)
	}
	if err := x.scan.Array(); err != nil {
		return 0, notJSON(err)
	}
	for n := 0; ; n++ {
		more, err := x.scan.Elem(n == 0)
		if err != nil {
			return n, notJSON(err)
		}
		if !more {
			return n, nil
		}
		if err := s.checkRow(x, n, len(x.out)); err != nil {
			return n, err
		}
		if n > 0 {
			x.out = append(x.out, ',')
		}
		if err := s.predictRow(m, c, x, row, n); err != nil {
			return n, err
		}
	}
}

// checkRow is called before each row, with the size of the answer so far. It refuses more than is taken or given at
// once, and stops when the caller has gone or its time is up.
func (s *Server) checkRow(x *exchange, n, size int) error {
	switch {
	case n == s.maxRows:
		return problem(http.StatusRequestEntityTooLarge, "more than %d rows, the most that are taken at once", n)
	case size > maxAnswer:
		return problem(http.StatusRequestEntityTooLarge,
			"after %d rows the answer has %d bytes, the most that is given at once: ask for fewer rows or columns", n, size)
	case n%rowsBetweenChecks == rowsBetweenChecks-1 && x.request.Context().Err() != nil:
		return problem(http.StatusServiceUnavailable, "stopped after %d rows: the request's time is up", n)
	}
	return nil
}

func (s *Server) predictRow(m *Model, c *scoring, x *exchange, row *engine.Row, n int) error {
	row.Reset()
	if p, err := x.readRow(c, row); p != nil || err != nil {
		if p != nil {
			return p.inRow(n)
		}
		return notJSON(err)
	}
	if err := row.Run(); err != nil {
		return problem(http.StatusUnprocessableEntity, "%v", err).inRow(n)
	}
	x.out = append(x.out, '{')
	for k := range c.outputs {
		if k > 0 {
			x.out = append(x.out, ',')
		}
		x.out = append(x.out, c.outputs[k].key...)
		x.out = appendOutput(x.out, row, k, c.outputs[k].Column)
	}
	if c.probability >= 0 {
		x.out = m.appendBuy(x.out, row.Vector(c.probability)[1])
	}
	x.out = append(x.out, '}')
	return nil
}

func (p *Problem) inRow(n int) *Problem {
	p.Detail = fmt.Sprintf("row %d: %s", n, p.Detail)
	p.Row = &n
	return p
}

// appendBuy writes the calibrated probability and the segment.
func (m *Model) appendBuy(b []byte, p float64) []byte {
	p = m.manifest.Calibration.apply(p)
	b = jsonscan.AppendFloat(append(b, `,"buy":`...), p)
	switch threshold := m.manifest.Threshold; {
	case threshold == nil:
		return b
	case p >= *threshold:
		return append(b, `,"segment":"buy"`...)
	}
	return append(b, `,"segment":"defer"`...)
}

// appendOutput writes a column's value: a number, a string, or a vector as a plain array.
func appendOutput(b []byte, row *engine.Row, k int, c engine.Column) []byte {
	switch {
	case c.Width == 0:
		return row.AppendJSON(b, k)
	case row.IsSparse(k):
		return appendSparse(b, row.Sparse(k), c.Width)
	}
	return frame.AppendDoubles(b, row.Vector(k))
}

func appendSparse(b []byte, v *engine.SparseVector, width int) []byte {
	b = append(b, '[')
	next := 0
	for i := range width {
		if i > 0 {
			b = append(b, ',')
		}
		if next < len(v.Index) && int(v.Index[next]) == i {
			b = jsonscan.AppendFloat(b, v.Value[next])
			next++
		} else {
			b = append(b, "0.0"...)
		}
	}
	return append(b, ']')
}
