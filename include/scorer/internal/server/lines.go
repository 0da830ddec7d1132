package server

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
)

// lineTypes are the content types of JSON lines: one JSON object per line. SageMaker uses the second name.
var lineTypes = []string{"application/x-ndjson", "application/jsonlines"}

var linesType = lineTypes[:1]

// negotiate sets the formats of the request's rows and of the response. Both are JSON or JSON lines on routes that score rows; the
// response has the format of the request if the client accepts it.
func (req *request) negotiate(at *route, contentType string) error {
	req.lines = slices.Contains(lineTypes, contentType)
	req.linesOut = req.lines
	accept := req.http.Header["Accept"]
	if len(accept) == 0 || accept[0] == "*/*" {
		return nil
	}
	if !slices.Contains(at.contentTypes, lineTypes[0]) || contentType == csvType[0] {
		return req.checkAccept([]string{contentType})
	}
	if req.lines {
		req.linesOut = slices.ContainsFunc(lineTypes, func(t string) bool { return accepts(accept, t) })
	} else {
		req.linesOut = !accepts(accept, jsonType[0])
	}
	return req.checkAccept(rowTypes)
}

// startList starts the response's list of rows or sessions, which is named by member in JSON.
func (req *request) startList(m *Model, member string) {
	if req.linesOut {
		req.contentType = linesType
		return
	}
	req.contentType = jsonType
	req.out = append(append(append(append(req.out, m.responsePrefix...), '"'), member...), `":[`...)
}

// separate ends an element of the list before another one.
func (req *request) separate() {
	if req.linesOut {
		req.out = append(req.out, '\n')
	} else {
		req.out = append(req.out, ',')
	}
}

// endList ends the list of n elements and the response.
func (req *request) endList(n int) {
	switch {
	case !req.linesOut:
		req.out = append(req.out, "]}\n"...)
	case n > 0:
		req.out = append(req.out, '\n')
	}
}

// forEachLine calls read for each line of the body, like forEach.
func forEachLine(req *request, read func(n int) error) (int, error) {
	scan := &req.scan
	scan.Reset(req.body)
	for n := 0; ; n++ {
		if len(scan.Rest()) == 0 {
			return n, nil
		}
		line, _, _ := bytes.Cut(scan.Rest(), []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 {
			return n, newProblem(http.StatusBadRequest, "blank line").withRow(n)
		}
		end := scan.Pos() + len(line)
		if err := read(n); err != nil {
			return n, err
		}
		if pos := scan.Pos(); pos > end || len(bytes.TrimSpace(scan.Between(pos, end))) > 0 {
			return n, newProblem(http.StatusBadRequest, "expected exactly one JSON object per line").withRow(n)
		}
		scan.Seek(min(end+1, len(req.body)))
	}
}

// linesQuery returns the query of a request in JSON lines: the payload is the body, options are parameters of the URL.
func (req *request) linesQuery() (payload, func(name string) string) {
	values := req.http.URL.Query()
	return payload{lines: true}, values.Get
}

// predictLinesQuery reads the parameter columns, names separated by commas.
func (req *request) predictLinesQuery() (predictQuery, error) {
	p, parameter := req.linesQuery()
	q := predictQuery{payload: p}
	if names := parameter("columns"); names != "" {
		q.columns = strings.Split(names, ",")
		sorted := slices.Sorted(slices.Values(q.columns))
		if len(slices.Compact(sorted)) < len(q.columns) {
			return q, newProblem(http.StatusBadRequest, "parameter columns must contain distinct column names")
		}
	}
	return q, nil
}

// scoreLinesQuery reads the parameters features and items, true or false.
func (req *request) scoreLinesQuery() (scoreQuery, error) {
	p, parameter := req.linesQuery()
	q := scoreQuery{payload: p}
	for name, to := range map[string]*bool{"features": &q.features, "items": &q.items} {
		switch parameter(name) {
		case "", "false":
		case "true":
			*to = true
		default:
			return q, newProblem(http.StatusBadRequest, "parameter %s must be true or false", name)
		}
	}
	return q, nil
}
