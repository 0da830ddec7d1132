package server

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

// invoke answers SageMaker's /invocations: JSON as /v1/score or /v1/predict does, CSV row by row.
func (s *Server) invoke(m *Model, x *exchange) error {
	kind, err := x.mediaType(invocationTypes)
	if err != nil {
		return err
	}
	switch {
	case kind == invocationTypes[0] && x.asksForSessions():
		return s.score(m, x)
	case kind == invocationTypes[0]:
		return s.predict(m, x)
	}
	x.contentType = csvType
	row := m.standard.rows.Get().(*engine.Row)
	n, err := s.invokeRows(m, x, row)
	if err != nil {
		return err
	}
	m.standard.rows.Put(row)
	s.metrics.rows.Add(uint64(n))
	return nil
}

// invokeRows scores lines of CSV (RFC 4180) without a header: the input columns of the final outputs, in their order.
// An empty field is null. A line of the answer has the final outputs, vectors spread out, then buy and segment.
func (s *Server) invokeRows(m *Model, x *exchange, row *engine.Row) (int, error) {
	c := m.standard
	lines := csv.NewReader(bytes.NewReader(x.body))
	lines.ReuseRecord = true
	lines.FieldsPerRecord = -1
	for n := 0; ; n++ {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, problem(http.StatusBadRequest, "the body is not CSV: %v", err).inRow(n)
		}
		if err := s.checkRow(x, n, len(x.out)); err != nil {
			return n, err
		}
		if p := setFields(c, row, fields); p != nil {
			return n, p.inRow(n)
		}
		if err := row.Run(); err != nil {
			return n, problem(http.StatusUnprocessableEntity, "%v", err).inRow(n)
		}
		x.out = m.appendLine(x.out, row)
	}
}

// setFields sets a row from one line.
func setFields(c *scoring, row *engine.Row, fields []string) *Problem {
	if len(fields) != c.width {
		return problem(http.StatusUnprocessableEntity, "the line has %d fields, expected %d", len(fields), c.width)
	}
	row.Reset()
	at := 0
	for i := range c.inputs {
		in := &c.inputs[i]
		n := max(in.Width, 1)
		if p := setField(row, i, in, fields[at:at+n]); p != nil {
			return p
		}
		at += n
	}
	return nil
}

func setField(row *engine.Row, i int, c *engine.Column, fields []string) *Problem {
	switch {
	case c.Width > 0:
		values := make([]float64, c.Width)
		for k, field := range fields {
			value, p := fieldNumber(c, field)
			if p != nil {
				return p
			}
			values[k] = value
		}
		return refused(c, row.SetVector(i, values))
	case fields[0] == "" && c.Type.Nullable:
		row.SetNull(i)
		return nil
	case c.Type.Base == frame.String:
		return refused(c, row.SetText(i, fields[0]))
	}
	value, p := fieldNumber(c, fields[0])
	if p != nil {
		return p
	}
	return refused(c, row.SetDouble(i, value))
}

func fieldNumber(c *engine.Column, field string) (float64, *Problem) {
	value, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
	if err != nil || strings.Trim(field, " \t0123456789+-.eE") != "" { // nor hexadecimal, NaN or Inf
		p := problem(http.StatusUnprocessableEntity, "column %q must be a number, found %.40q", c.Name, field)
		return 0, p.about([]byte(c.Name))
	}
	return value, nil
}

// appendLine writes one line of the answer.
func (m *Model) appendLine(b []byte, row *engine.Row) []byte {
	c := m.standard
	for k := range c.outputs {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendCSV(b, row, k, c.outputs[k].Column)
	}
	if c.probability >= 0 {
		b = m.appendBuyCSV(b, row.Vector(c.probability)[1])
	}
	return append(b, '\n')
}

func appendCSV(b []byte, row *engine.Row, k int, c engine.Column) []byte {
	switch {
	case c.Width > 0:
		start := len(b)
		b = appendOutput(b, row, k, c) // a JSON array is CSV but for its brackets and nulls
		array := b[start+1 : len(b)-1]
		return append(b[:start], bytes.ReplaceAll(array, []byte("null"), nil)...)
	case c.Type.Base == frame.String:
		return appendQuoted(b, row.Text(k))
	}
	start := len(b)
	b = row.AppendJSON(b, k)
	if string(b[start:]) == "null" {
		return b[:start]
	}
	return b
}

// appendQuoted writes a text, in quotes where CSV needs them.
func appendQuoted(b []byte, text string) []byte {
	if !strings.ContainsAny(text, "\",\r\n") {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}

func (m *Model) appendBuyCSV(b []byte, p float64) []byte {
	start := len(b)
	b = m.appendBuy(b, p)
	text := string(b[start:]) // ,"buy":0.31,"segment":"defer"
	text = strings.NewReplacer(`"buy":`, "", `"segment":`, "", `"`, "", "null", "").Replace(text)
	return append(b[:start], text...)
}
