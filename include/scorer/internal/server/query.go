package server

import (
	"net/http"
	"runtime"
	"slices"

	"leapline/scorer/internal/jsonscan"
)

// payload locates the array or single object to score in the body, which is scanned a second time to score it.
type payload struct {
	start  int  // offset in the body; -1 if absent
	single bool // one object instead of an array
	lines  bool // the body is JSON lines
}

// predictQuery is the request of /v1/predict without its rows.
type predictQuery struct {
	payload
	columns []string
}

// readPredictQuery scans the whole body, which validates its JSON.
func (req *request) readPredictQuery() (predictQuery, error) {
	if req.lines {
		return req.predictLinesQuery()
	}
	q := predictQuery{payload: payload{start: -1}}
	err := req.readObject(func(key []byte) error {
		switch string(key) {
		case "columns":
			return req.readColumns(&q)
		case "rows", "row":
			return req.locate(&q.payload, "rows", "row", string(key) == "row")
		}
		return newProblem(http.StatusBadRequest, `unknown member %.80q, expected rows, row or columns`, content(key))
	})
	if err == nil && q.start < 0 {
		err = newProblem(http.StatusBadRequest, `"rows" is missing: send {"rows":[{...}]} or {"row":{...}}`)
	}
	return q, err
}

// readObject calls read for each key of the body's object; read consumes the value. Nothing may follow the object.
func (req *request) readObject(read func(key []byte) error) error {
	s := &req.scan
	s.Reset(req.body)
	if err := s.Object(); err != nil {
		return malformedJSON(err)
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return malformedJSON(err)
		}
		if !more {
			break
		}
		if err := read(key); err != nil {
			return err
		}
	}
	if err := s.End(); err != nil {
		return malformedJSON(err)
	}
	return nil
}

// locate notes where the payload starts and skips it. The member is named many for an array, one for a single object.
func (req *request) locate(p *payload, many, one string, single bool) error {
	s := &req.scan
	switch next := s.Peek(); {
	case p.start >= 0:
		return newProblem(http.StatusBadRequest, `send exactly one of %q and %q`, many, one)
	case !single && next != '[':
		return newProblem(http.StatusBadRequest, `%q must be an array of objects`, many).withPointer("/" + many)
	}
	p.start, p.single = s.Pos(), single
	var err error
	if single {
		err = s.Skip()
	} else {
		err = skipElements(s)
	}
	if err != nil {
		return malformedJSON(err)
	}
	return nil
}

// skipElements skips an array and yields to other requests at intervals.
func skipElements(s *jsonscan.Scanner) error {
	if err := s.Array(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := s.Elem(n == 0)
		if !more || err != nil {
			return err
		}
		if err := s.Skip(); err != nil {
			return err
		}
		if n%rowsBetweenYields == rowsBetweenYields-1 {
			runtime.Gosched()
		}
	}
}

func (req *request) readColumns(q *predictQuery) error {
	s := &req.scan
	invalid := newProblem(http.StatusBadRequest, `"columns" must be a non-empty array of distinct column names`)
	switch {
	case q.columns != nil:
		return newProblem(http.StatusBadRequest, `"columns" is duplicated`)
	case s.Peek() != '[':
		return invalid
	}
	if err := s.Array(); err != nil {
		return malformedJSON(err)
	}
	for {
		more, err := s.Elem(len(q.columns) == 0)
		if err != nil {
			return malformedJSON(err)
		}
		if !more {
			break
		}
		if s.Peek() != '"' {
			return invalid
		}
		name, err := s.String()
		if err != nil {
			return malformedJSON(err)
		}
		if slices.Contains(q.columns, string(name)) {
			return invalid
		}
		q.columns = append(q.columns, string(name))
	}
	if q.columns == nil {
		return invalid
	}
	return nil
}
