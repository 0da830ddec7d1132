package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"

	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
	"leapline/scorer/transform"
)

// transform answers POST /transform: it runs the whole pipeline on a leap frame, as MLeap's servers do.
func (s *Server) transform(m *Model, req *request) error {
	req.contentType = jsonType
	var err error
	req.out, err = s.transformFrame(m, req, req.out, req.body, 0)
	return err
}

// growthFactor bounds the memory for a growing slice, relative to its length: appending may copy it to a larger one.
const growthFactor = 2

// transformFrame appends the transformed frame in body to out. The request needs extra bytes of memory besides.
func (s *Server) transformFrame(m *Model, req *request, out, body []byte, extra int64) ([]byte, error) {
	t := m.transformers.Get().(*transform.Transformer)
	t.BeforeRow = func(row, size int) error {
		if err := s.checkLimits(req, row, size); err != nil {
			return err
		}
		if row%rowsBetweenYields == rowsBetweenYields-1 {
			runtime.Gosched()
		}
		return req.usage.chargeWork(extra + int64(size)*growthFactor + t.BlockBytes())
	}
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
	case !validJSON(&req.scan, body):
		return out, malformedJSON(err)
	}
	return out, newProblem(http.StatusUnprocessableEntity, "the leap frame does not fit the model: %v", err)
}

func validJSON(s *jsonscan.Scanner, body []byte) bool {
	s.Reset(body)
	return s.Skip() == nil && s.End() == nil
}

// packedFrame is the request and the response of MLeap's /models/transform: a leap frame in base64. Tags are 64-bit
// numbers, which protobuf's JSON mapping writes as strings and reads as strings or numbers.
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

// packedFactor bounds the memory to return a frame in base64, relative to the frame's size. Selecting columns splits the
// frame into its cells first.
func packedFactor(p *packedFrame) int64 {
	if p.Options != nil && len(p.Options.Select) > 0 {
		return 16
	}
	return 4
}

// transformPacked answers POST /models/transform: transform for a frame inside a request object.
func (s *Server) transformPacked(m *Model, req *request) error {
	if err := req.usage.chargeWork(int64(len(req.body))); err != nil {
		return err
	}
	var request packedFrame
	if err := json.Unmarshal(req.body, &request); err != nil {
		return newProblem(http.StatusBadRequest, "malformed transform request: %v", err)
	}
	if request.Format != jsonFormat {
		return newProblem(http.StatusUnprocessableEntity, "format %.80q is not supported, expected %s", content(request.Format), jsonFormat)
	}
	extra := int64(len(request.Frame))
	out, err := s.transformFrame(m, req, nil, request.Frame, extra)
	if err != nil {
		return err
	}
	if err := req.usage.chargeWork(extra + int64(len(out))*packedFactor(&request)); err != nil {
		return err
	}
	if request.Options != nil && len(request.Options.Select) > 0 {
		strict := request.Options.SelectMode != "SELECT_MODE_RELAXED"
		if out, err = selectColumns(out, request.Options.Select, strict); err != nil {
			return err
		}
	}
	req.contentType = jsonType
	req.out = append(req.out, '{')
	if request.Tag != nil {
		req.out = append(append(append(req.out, `"tag":`...), request.Tag...), ',')
	}
	req.out = append(req.out, `"format":"`+jsonFormat+`","frame":"`...)
	req.out = base64.StdEncoding.AppendEncode(req.out, out)
	req.out = append(req.out, "\"}\n"...)
	return nil
}

// selectColumns reduces a frame to the named columns, in that order. If strict is set, a missing column is an error;
// otherwise it is left out.
func selectColumns(text []byte, names []string, strict bool) ([]byte, error) {
	var parsed struct {
		Schema struct {
			Fields []json.RawMessage `json:"fields"`
		} `json:"schema"`
		Rows [][]json.RawMessage `json:"rows"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, err
	}
	schema, err := frameSchema(text)
	if err != nil {
		return nil, err
	}
	var selected []int
	for _, name := range names {
		switch i := schema.Index(name); {
		case i >= 0:
			selected = append(selected, i)
		case strict:
			p := newProblem(http.StatusUnprocessableEntity, "the frame has no column %.80q to select", content(name))
			return nil, p.withColumn(name)
		}
	}
	parsed.Schema.Fields = selectByIndex(parsed.Schema.Fields, selected)
	for i, row := range parsed.Rows {
		parsed.Rows[i] = selectByIndex(row, selected)
	}
	return json.Marshal(map[string]any{"schema": parsed.Schema, "rows": parsed.Rows})
}

func selectByIndex(values []json.RawMessage, indexes []int) []json.RawMessage {
	selected := make([]json.RawMessage, len(indexes))
	for k, i := range indexes {
		selected[k] = values[i]
	}
	return selected
}

func frameSchema(text []byte) (frame.Schema, error) {
	var parsed struct {
		Schema json.RawMessage `json:"schema"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return frame.Schema{}, err
	}
	return frame.ParseSchema(jsonscan.New(parsed.Schema))
}
