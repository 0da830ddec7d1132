package server

import (
	"net/http"
	"runtime"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// rowsBetweenChecks is the number of rows scored between two checks whether the client is still waiting.
const rowsBetweenChecks = 256

// rowsBetweenYields is the number of rows, or events of a session, after which other requests get a turn: the scheduler would
// let a long request run for 10 ms.
const rowsBetweenYields = 64

// predict scores rows of named values:
//
//	{"rows": [{"x0": 1.5, "colour": "red"}, ...], "columns": ["prediction"]}
func (s *Server) predict(m *Model, req *request) error {
	q, err := req.readPredictQuery()
	if err != nil {
		return err
	}
	plan := m.standard
	if q.columns != nil {
		if plan, err = m.plan(q.columns); err != nil {
			return newProblem(http.StatusUnprocessableEntity, "%v", err)
		}
	}
	req.startList(m, "rows")
	block := s.newRowBlock(m, plan, req)
	n, err := forEach(req, q.payload, func(n int) error {
		row, err := block.next(n)
		if err != nil {
			return err
		}
		return block.add(n, m.readPredictRow(plan, req, row, n))
	})
	if err := block.finish(n, err); err != nil {
		return err
	}
	req.endList(n)
	return nil
}

// forEach calls read for each element of the payload. Read consumes the element that is next in the body. It returns the
// number of elements.
func forEach(req *request, p payload, read func(n int) error) (int, error) {
	if p.lines {
		return forEachLine(req, read)
	}
	req.scan.Seek(p.start)
	if p.single {
		return 1, read(0)
	}
	if err := req.scan.Array(); err != nil {
		return 0, malformedJSON(err)
	}
	for n := 0; ; n++ {
		more, err := req.scan.Elem(n == 0)
		if err != nil {
			return n, malformedJSON(err)
		}
		if !more {
			return n, nil
		}
		if err := read(n); err != nil {
			return n, err
		}
	}
}

// startElement is called before each row or session that is appended to the response.
func (s *Server) startElement(req *request, n int) error {
	if err := s.checkLimits(req, n, req.responseSize()); err != nil {
		return err
	}
	if n%rowsBetweenYields == rowsBetweenYields-1 {
		runtime.Gosched()
	}
	return req.completeChunk()
}

// checkLimits is called before each row with the size of the response so far. It rejects requests that exceed the limits
// on rows and response size, and stops when the client has disconnected or the time limit has passed.
func (s *Server) checkLimits(req *request, n, size int) error {
	switch {
	case n == s.maxRows:
		return newProblem(http.StatusRequestEntityTooLarge, "too many rows (max %d)", n)
	case size > maxResponse:
		return newProblem(http.StatusRequestEntityTooLarge,
			"the response exceeds %d bytes after %d rows; request fewer rows or columns", maxResponse, n)
	case n%rowsBetweenChecks == rowsBetweenChecks-1 && req.http.Context().Err() != nil:
		return newProblem(http.StatusServiceUnavailable, "request timed out after %d rows", n)
	}
	return nil
}

// readPredictRow reads the row that is next in the body.
func (m *Model) readPredictRow(plan *compiledPlan, req *request, row *engine.Row, n int) error {
	row.Reset()
	p, err := req.readRow(plan, row)
	switch {
	case p != nil:
		return p.withRow(n)
	case err != nil:
		return malformedJSON(err)
	}
	return nil
}

// appendRow appends the outputs of a row as an object.
func (m *Model) appendRow(b []byte, plan *compiledPlan, row *engine.Row) []byte {
	b = append(b, '{')
	for k := range plan.outputs {
		if k > 0 {
			b = append(b, ',')
		}
		b = append(b, plan.outputs[k].key...)
		b = appendOutput(b, row, k, plan.outputs[k].Column)
	}
	if plan.probability >= 0 {
		b = m.appendBuy(b, row.Vector(plan.probability)[1])
	}
	return append(b, '}')
}

// appendBuy appends the calibrated probability and the segment.
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

// appendOutput appends output k: a number, a string, or a vector as an array.
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
