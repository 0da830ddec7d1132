package server

import (
	"net/http"
	"unsafe"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// readRow reads one object into the row. The problem is about the row's values, the error about malformed JSON.
func (req *request) readRow(plan *compiledPlan, row *engine.Row) (*Problem, error) {
	s := &req.scan
	if s.Peek() != '{' {
		return newProblem(http.StatusUnprocessableEntity, "expected an object of named values"), nil
	}
	if err := s.Object(); err != nil {
		return nil, err
	}
	req.startRow(len(plan.inputs))
	count, guess := 0, 0
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		i, p := plan.inputIndex(key, guess)
		if p != nil {
			return p, nil
		}
		if i < 0 { // an input of the model that the requested outputs do not need
			if err := s.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		if req.seen[i] == req.row {
			return newProblem(http.StatusUnprocessableEntity, "column %q is duplicated", content(key)).withColumn(string(key)), nil
		}
		req.seen[i] = req.row
		count, guess = count+1, i+1
		if p, err := req.readValue(row, i, &plan.inputs[i]); p != nil || err != nil {
			return p, err
		}
	}
	if count < len(plan.inputs) {
		return req.missingColumn(plan), nil
	}
	return nil, nil
}

func (req *request) startRow(inputs int) {
	if len(req.seen) < inputs {
		req.seen = make([]uint64, inputs)
	}
	req.row++
}

// inputIndex returns the index of a column, -1 if the plan does not need it. Most rows have the same order of columns, so
// the one after the previous column is tried first.
func (plan *compiledPlan) inputIndex(key []byte, guess int) (int, *Problem) {
	if guess < len(plan.inputs) && plan.inputs[guess].Name == string(key) {
		return guess, nil
	}
	i, ok := plan.index[string(key)]
	if !ok {
		return 0, newProblem(http.StatusUnprocessableEntity, "unknown input column %.80q", content(key)).withColumn(string(key))
	}
	return i, nil
}

func (req *request) missingColumn(plan *compiledPlan) *Problem {
	for i, in := range plan.inputs {
		if req.seen[i] != req.row {
			return newProblem(http.StatusUnprocessableEntity, "column %q is missing", in.Name).withColumn(in.Name)
		}
	}
	return nil
}

// readValue reads the value of input i.
func (req *request) readValue(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	s := &req.scan
	next := s.Peek()
	switch {
	case next == 'n' && c.Type.Nullable && c.Width == 0:
		if _, err := s.Null(); err != nil {
			return nil, err
		}
		row.SetNull(i)
		return nil, nil
	case c.Width > 0 && next == '[':
		return req.readVector(row, i, c)
	case c.Width > 0:
	case c.Type.Kind == frame.List && next == '[':
		return req.readTextList(row, i, c)
	case c.Type.Kind == frame.List:
	case c.Type.Base == frame.String && next == '"':
		text, err := s.String()
		if err != nil {
			return nil, err
		}
		return valueProblem(c, row.SetText(i, req.copyText(text))), nil
	case c.Type.Base != frame.String && (next == '-' || next-'0' <= 9):
		return req.readNumber(row, i, c)
	}
	raw, err := s.Raw()
	if err != nil {
		return nil, err
	}
	return newProblem(http.StatusUnprocessableEntity, "column %q must be %s, found %.40s", c.Name, expectedValue(*c), content(raw)).
		withColumn(c.Name), nil
}

// valueProblem turns the engine's error about a value into a problem.
func valueProblem(c *engine.Column, err error) *Problem {
	if err == nil {
		return nil
	}
	return newProblem(http.StatusUnprocessableEntity, "%v", err).withColumn(c.Name)
}

func (req *request) readNumber(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	raw, err := req.scan.Number()
	if err != nil {
		return nil, err
	}
	value, err := jsonscan.ParseFloat(raw)
	if err != nil {
		return newProblem(http.StatusUnprocessableEntity, "column %q: %.40s is out of range for a double", c.Name, content(raw)).
			withColumn(c.Name), nil
	}
	return valueProblem(c, row.SetDouble(i, value)), nil
}

func (req *request) readVector(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	s := &req.scan
	if err := s.Array(); err != nil {
		return nil, err
	}
	req.vector = req.vector[:0]
	for {
		more, err := s.Elem(len(req.vector) == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			return valueProblem(c, row.SetVector(i, req.vector)), nil
		}
		next := s.Peek()
		if len(req.vector) == c.Width || (next != '-' && next-'0' > 9) {
			return newProblem(http.StatusUnprocessableEntity, "column %q must be %s", c.Name, expectedValue(*c)).
				withColumn(c.Name), nil
		}
		value, err := s.Float()
		if err != nil {
			return nil, err
		}
		req.vector = append(req.vector, value)
	}
}

func (req *request) readTextList(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	s := &req.scan
	if err := s.Array(); err != nil {
		return nil, err
	}
	req.texts = req.texts[:0]
	for {
		more, err := s.Elem(len(req.texts) == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			return valueProblem(c, row.SetTextList(i, req.texts)), nil
		}
		if s.Peek() != '"' {
			return newProblem(http.StatusUnprocessableEntity, "column %q must be %s", c.Name, expectedValue(*c)).
				withColumn(c.Name), nil
		}
		text, err := s.String()
		if err != nil {
			return nil, err
		}
		req.texts = append(req.texts, req.copyText(text))
	}
}

// copyText copies a string until the block of the row has run: the scanner's result is valid only until the next string. Growing the
// buffer moves it, but earlier strings stay valid.
func (req *request) copyText(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	start := len(req.text)
	req.text = append(req.text, text...)
	return unsafe.String(&req.text[start], len(text))
}
