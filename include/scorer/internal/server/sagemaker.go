package server

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// invoke answers SageMaker's POST /invocations: JSON as /v1/score or /v1/predict, CSV row by row.
func (s *Server) invoke(m *Model, req *request) error {
	kind, err := req.matchContentType(invocationTypes)
	if err != nil {
		return err
	}
	switch {
	case kind != csvType[0] && req.isScoreRequest():
		return s.score(m, req)
	case kind != csvType[0]:
		return s.predict(m, req)
	}
	req.contentType = csvType
	block := s.newRowBlock(m, m.standard, req)
	block.csv = true
	n, err := readCSV(req, &block)
	return block.finish(n, err)
}

// readCSV scores CSV rows (RFC 4180) without a header. A row contains the inputs of the final outputs, in order; an empty
// field is null. A row of the response contains the final outputs, one field per vector element, then buy and segment.
func readCSV(req *request, block *rowBlock) (int, error) {
	if err := checkCSVText(req.body); err != nil {
		return 0, err
	}
	lines := csv.NewReader(bytes.NewReader(req.body))
	lines.ReuseRecord = true
	lines.FieldsPerRecord = -1
	for n := 0; ; n++ {
		if rest := req.body[lines.InputOffset():]; bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n")) {
			return n, newProblem(http.StatusBadRequest, `blank line; write "" for a single empty field`).withRow(n)
		}
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, newProblem(http.StatusBadRequest, "malformed CSV body: %v", err).withRow(n)
		}
		row, err := block.next(n)
		if err != nil {
			return n, err
		}
		if p := setCSVRow(block.plan, row, fields); p != nil {
			err = p.withRow(n)
		}
		if err := block.add(n, err); err != nil {
			return n, err
		}
	}
}

// setCSVRow sets the inputs from the fields of a CSV row.
func setCSVRow(plan *compiledPlan, row *engine.Row, fields []string) *Problem {
	if len(fields) != plan.width {
		return newProblem(http.StatusUnprocessableEntity, "found %d fields, expected %d", len(fields), plan.width)
	}
	row.Reset()
	at := 0
	for i := range plan.inputs {
		in := &plan.inputs[i]
		n := max(in.Width, 1)
		if p := setCSVValue(row, i, in, fields[at:at+n]); p != nil {
			return p
		}
		at += n
	}
	return nil
}

func setCSVValue(row *engine.Row, i int, c *engine.Column, fields []string) *Problem {
	switch {
	case c.Width > 0:
		values := make([]float64, c.Width)
		for k, field := range fields {
			value, p := parseCSVNumber(c, field)
			if p != nil {
				return p
			}
			values[k] = value
		}
		return valueProblem(c, row.SetVector(i, values))
	case c.Type.Kind == frame.List:
		return newProblem(http.StatusUnprocessableEntity, "column %q is %s, which CSV cannot contain; send JSON", c.Name, expectedValue(*c)).
			withColumn(c.Name)
	case fields[0] == "" && c.Type.Nullable:
		row.SetNull(i)
		return nil
	case c.Type.Base == frame.String:
		return valueProblem(c, row.SetText(i, fields[0]))
	}
	value, p := parseCSVNumber(c, fields[0])
	if p != nil {
		return p
	}
	return valueProblem(c, row.SetDouble(i, value))
}

// checkCSVText rejects what a JSON body may not contain either: a byte-order mark and invalid UTF-8.
func checkCSVText(body []byte) error {
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return newProblem(http.StatusBadRequest, "malformed CSV body: it starts with a byte-order mark; send UTF-8 without one")
	}
	if !utf8.Valid(body) {
		return newProblem(http.StatusBadRequest, "malformed CSV body: it is not valid UTF-8")
	}
	return nil
}

// parseCSVNumber parses a number as in JSON: no NaN, infinities, hexadecimal numbers, leading zeros or plus signs.
func parseCSVNumber(c *engine.Column, field string) (float64, *Problem) {
	scan := jsonscan.New([]byte(field))
	value, err := scan.Float()
	if err == nil {
		err = scan.End()
	}
	if err != nil {
		p := newProblem(http.StatusUnprocessableEntity, "column %q must be a number, found %.40q", c.Name, content(field))
		return 0, p.withColumn(c.Name)
	}
	return value, nil
}

// appendCSVRow appends the outputs of a row.
func (m *Model) appendCSVRow(b []byte, row *engine.Row) []byte {
	plan := m.standard
	for k := range plan.outputs {
		if k > 0 {
			b = append(b, ',')
		}
		b = appendCSVValue(b, row, k, plan.outputs[k].Column)
	}
	if plan.probability >= 0 {
		b = m.appendBuyCSV(b, row.Vector(plan.probability)[1])
	}
	return append(b, '\n')
}

func appendCSVValue(b []byte, row *engine.Row, k int, c engine.Column) []byte {
	switch {
	case c.Width > 0:
		start := len(b)
		b = appendOutput(b, row, k, c) // a JSON array without its brackets and nulls is CSV
		array := b[start+1 : len(b)-1]
		return append(b[:start], bytes.ReplaceAll(array, []byte("null"), nil)...)
	case c.Type.Kind == frame.List:
		return appendCSVText(b, string(row.AppendJSON(nil, k)))
	case c.Type.Base == frame.String:
		return appendCSVText(b, row.Text(k))
	}
	start := len(b)
	b = row.AppendJSON(b, k)
	if string(b[start:]) == "null" {
		return b[:start]
	}
	return b
}

// appendCSVText appends a string, quoted where CSV requires it.
func appendCSVText(b []byte, text string) []byte {
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
