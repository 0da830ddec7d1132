package server

import (
	"net/http"
	"slices"
)

// query is a prediction's request but for the rows, which stay in the body.
type query struct {
	at      int  // where rows or row begins
	single  bool // row, not rows
	columns []string
}

// readQuery goes over the whole body, which is thereby known to be JSON.
func (x *exchange) readQuery() (query, error) {
	q := query{at: -1}
	if err := x.members(func(key []byte) error { return x.readMember(&q, key) }); err != nil {
		return q, err
	}
	if q.at < 0 {
		return q, problem(http.StatusBadRequest, `"rows" is missing: send {"rows":[{...}]} or {"row":{...}}`)
	}
	return q, nil
}

// members gives each name of the body's object to read, which takes the value, and sees that nothing follows the object.
func (x *exchange) members(read func(key []byte) error) error {
	s := &x.scan
	s.Reset(x.body)
	if err := s.Object(); err != nil {
		return notJSON(err)
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return notJSON(err)
		}
		if !more {
			break
		}
		if err := read(key); err != nil {
			return err
		}
	}
	if err := s.End(); err != nil {
		return notJSON(err)
	}
	return nil
}

func (x *exchange) readMember(q *query, key []byte) error {
	s := &x.scan
	rows, row := string(key) == "rows", string(key) == "row"
	switch next := s.Peek(); {
	case string(key) == "columns":
		if q.columns != nil {
			return problem(http.StatusBadRequest, `"columns" is there twice`)
		}
		return x.readColumns(q)
	case !rows && !row:
		return problem(http.StatusBadRequest, `unknown member %.80q, expected rows, row or columns`, key)
	case q.at >= 0:
		return problem(http.StatusBadRequest, `send "rows" or "row", and once`)
	case rows && next != '[':
		return problem(http.StatusBadRequest, `"rows" must be an array of objects`)
	}
	q.at, q.single = s.Pos(), row
	if err := s.Skip(); err != nil {
		return notJSON(err)
	}
	return nil
}

func (x *exchange) readColumns(q *query) error {
	s := &x.scan
	refusal := problem(http.StatusBadRequest, `"columns" must be an array of different column names, at least one`)
	if s.Peek() != '[' {
		return refusal
	}
	if err := s.Array(); err != nil {
		return notJSON(err)
	}
	for {
		more, err := s.Elem(len(q.columns) == 0)
		if err != nil {
			return notJSON(err)
		}
		if !more {
			break
		}
		if s.Peek() != '"' {
			return refusal
		}
		name, err := s.String()
		if err != nil {
			return notJSON(err)
		}
		if slices.Contains(q.columns, string(name)) {
			return refusal
		}
		q.columns = append(q.columns, string(name))
	}
	if q.columns == nil {
		return refusal
	}
	return nil
}

func notJSON(err error) error {
	return problem(http.StatusBadRequest, "the body is not the JSON that is expected here: %v", err)
}
