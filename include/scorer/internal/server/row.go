package server

import (
	"net/http"
	"unsafe"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// readRow reads one object into the row. The problem is about the row's content, the error about its JSON.
func (x *exchange) readRow(c *scoring, row *engine.Row) (*Problem, error) {
	s := &x.scan
	if s.Peek() != '{' {
		return problem(http.StatusUnprocessableEntity, "expected an object of named values"), nil
	}
	if err := s.Object(); err != nil {
		return nil, err
	}
	x.beginRow(len(c.inputs))
	given, guess := 0, 0
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		i, p := c.find(key, guess)
		if p != nil {
			return p, nil
		}
		if i < 0 { // the model has the column, but what is asked for does not need it
			if err := s.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		if x.seen[i] == x.row {
			return problem(http.StatusUnprocessableEntity, "column %q is given twice", key).about(key), nil
		}
		x.seen[i] = x.row
		given, guess = given+1, i+1
		if p, err := x.readValue(row, i, &c.inputs[i]); p != nil || err != nil {
			return p, err
		}
	}
	if given < len(c.inputs) {
		return x.missing(c), nil
	}
	return nil, nil
}

func (x *exchange) beginRow(inputs int) {
	if len(x.seen) < inputs {
		x.seen = make([]uint64, inputs)
	}
	x.row++
	x.text = x.text[:0]
}

// find gives the plan's input of a name. Rows mostly have the same order, so the one after the last is tried first.
func (c *scoring) find(key []byte, guess int) (int, *Problem) {
	if guess < len(c.inputs) && c.inputs[guess].Name == string(key) {
		return guess, nil
	}
	i, known := c.index[string(key)]
	if !known {
		return 0, problem(http.StatusUnprocessableEntity, "the model has no input column %.80q", key).about(key)
	}
	return i, nil
}

func (x *exchange) missing(c *scoring) *Problem {
	for i, in := range c.inputs {
		if x.seen[i] != x.row {
			return problem(http.StatusUnprocessableEntity, "column %q is missing", in.Name).about([]byte(in.Name))
		}
	}
	return nil
}

func (p *Problem) about(column []byte) *Problem {
	p.Column = string(column)
	return p
}

// readValue reads the value of input i.
func (x *exchange) readValue(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	s := &x.scan
	next := s.Peek()
	switch {
	case next == 'n' && c.Type.Nullable && c.Width == 0:
		if _, err := s.Null(); err != nil {
			return nil, err
		}
		row.SetNull(i)
		return nil, nil
	case c.Width > 0 && next == '[':
		return x.readVector(row, i, c)
	case c.Width > 0:
	case c.Type.Base == frame.String && next == '"':
		text, err := s.String()
		if err != nil {
			return nil, err
		}
		return refused(c, row.SetText(i, x.keep(text))), nil
	case c.Type.Base != frame.String && (next == '-' || next-'0' <= 9):
		return x.readNumber(row, i, c)
	}
	raw, err := s.Raw()
	if err != nil {
		return nil, err
	}
	return problem(http.StatusUnprocessableEntity, "column %q must be %s, found %.40s", c.Name, wanted(*c), raw).about([]byte(c.Name)), nil
}

// refused turns an engine's refusal of a value into a problem.
func refused(c *engine.Column, err error) *Problem {
	if err == nil {
		return nil
	}
	return problem(http.StatusUnprocessableEntity, "%v", err).about([]byte(c.Name))
}

func (x *exchange) readNumber(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	raw, err := x.scan.Number()
	if err != nil {
		return nil, err
	}
	value, err := jsonscan.ParseFloat(raw)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "column %q: %.40s does not fit a double", c.Name, raw).about([]byte(c.Name)), nil
	}
	return refused(c, row.SetDouble(i, value)), nil
}

func (x *exchange) readVector(row *engine.Row, i int, c *engine.Column) (*Problem, error) {
	s := &x.scan
	if err := s.Array(); err != nil {
		return nil, err
	}
	x.vector = x.vector[:0]
	for {
		more, err := s.Elem(len(x.vector) == 0)
		if err != nil {
			return nil, err
		}
		if !more {
			return refused(c, row.SetVector(i, x.vector)), nil
		}
		next := s.Peek()
		if len(x.vector) == c.Width || (next != '-' && next-'0' > 9) {
			return problem(http.StatusUnprocessableEntity, "column %q must be %s", c.Name, wanted(*c)).about([]byte(c.Name)), nil
		}
		value, err := s.Float()
		if err != nil {
			return nil, err
		}
		x.vector = append(x.vector, value)
	}
}

// keep copies a text until the row has run: what the scanner gives lasts only until the next string. Growth moves the
// buffer, but texts kept before stay where they were.
func (x *exchange) keep(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	start := len(x.text)
	x.text = append(x.text, text...)
	return unsafe.String(&x.text[start], len(text))
}
