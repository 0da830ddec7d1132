package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
	"leapline/scorer/transform"
)

// transform runs the whole pipeline on a leap frame, as MLeap's own servers do.
func (s *Server) transform(m *Model, x *exchange) error {
	x.contentType = jsonType
	var err error
	x.out, err = s.transformFrame(m, x, x.out, x.body)
	return err
}

func (s *Server) transformFrame(m *Model, x *exchange, out, body []byte) ([]byte, error) {
	t := m.transformers.Get().(*transform.Transformer)
	t.BeforeRow = func(row, size int) error { return s.checkRow(x, row, size) }
	out, rows, err := t.Append(out, body)
	t.BeforeRow = nil
	m.transformers.Put(t)
	s.metrics.rows.Add(uint64(rows))
	var p *Problem
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &p):
		return out, p
	case !validJSON(&x.scan, body):
		return out, problem(http.StatusBadRequest, "the body is not JSON: %v", err)
	}
	return out, problem(http.StatusUnprocessableEntity, "the leap frame does not fit the model: %v", err)
}

func validJSON(s *jsonscan.Scanner, body []byte) bool {
	s.Reset(body)
	return s.Skip() == nil && s.End() == nil
}

// packedFrame is the request and the answer of MLeap's /models/transform: a leap frame in base64. Tags are 64-bit
// numbers, which protobuf's JSON form writes as strings and reads as either.
type packedFrame struct {
	Tag     json.RawMessage `json:"tag,omitempty"`
	Format  string          `json:"format"`
	Frame   []byte          `json:"frame"`
	Options *struct {
		Select     []string `json:"select"`
		SelectMode string   `json:"selectMode"`
	} `json:"options,omitempty"`
}

const jsonFormat = "ml.combust.mleap.json"

// transformPacked is transform for a frame inside a request object.
func (s *Server) transformPacked(m *Model, x *exchange) error {
	var request packedFrame
	if err := json.Unmarshal(x.body, &request); err != nil {
		return problem(http.StatusBadRequest, "the body is not a transform request: %v", err)
	}
	if request.Format != jsonFormat {
		return problem(http.StatusUnprocessableEntity, "format %.80q is not supported, expected %s", request.Format, jsonFormat)
	}
	out, err := s.transformFrame(m, x, nil, request.Frame)
	if err != nil {
		return err
	}
	if request.Options != nil && len(request.Options.Select) > 0 {
		strict := request.Options.SelectMode != "SELECT_MODE_RELAXED"
		if out, err = selectColumns(out, request.Options.Select, strict); err != nil {
			return err
		}
	}
	x.contentType = jsonType
	x.out = append(x.out, '{')
	if request.Tag != nil {
		x.out = append(append(append(x.out, `"tag":`...), request.Tag...), ',')
	}
	x.out = append(x.out, `"format":"`+jsonFormat+`","frame":"`...)
	x.out = base64.StdEncoding.AppendEncode(x.out, out)
	x.out = append(x.out, "\"}\n"...)
	return nil
}

// selectColumns cuts a frame down to some of its columns, in the order of names. Strict wants all of them to be there.
func selectColumns(text []byte, names []string, strict bool) ([]byte, error) {
	var whole struct {
		Schema struct {
			Fields []json.RawMessage `json:"fields"`
		} `json:"schema"`
		Rows [][]json.RawMessage `json:"rows"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	schema, err := frameSchema(text)
	if err != nil {
		return nil, err
	}
	var kept []int
	for _, name := range names {
		switch i := schema.Index(name); {
		case i >= 0:
			kept = append(kept, i)
		case strict:
			p := problem(http.StatusUnprocessableEntity, "the frame has no column %.80q to select", name)
			return nil, p.about([]byte(name))
		}
	}
	whole.Schema.Fields = pick(whole.Schema.Fields, kept)
	for i, row := range whole.Rows {
		whole.Rows[i] = pick(row, kept)
	}
	return json.Marshal(map[string]any{"schema": whole.Schema, "rows": whole.Rows})
}

func pick(values []json.RawMessage, kept []int) []json.RawMessage {
	picked := make([]json.RawMessage, len(kept))
	for k, i := range kept {
		picked[k] = values[i]
	}
	return picked
}

func frameSchema(text []byte) (frame.Schema, error) {
	var whole struct {
		Schema json.RawMessage `json:"schema"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return frame.Schema{}, err
	}
	return frame.ParseSchema(jsonscan.New(whole.Schema))
}
