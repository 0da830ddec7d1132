package server

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// kept is a response writer that keeps what it is given.
type kept struct {
	discard
	body []byte
}

func (k *kept) Write(b []byte) (int, error) {
	k.body = append(k.body, b...)
	return len(b), nil
}

// fuzzed sends a body to the test model. Whatever it is, the answer is one of the API's, and no panic is behind it.
func fuzzed(t *testing.T, s *Server, path, contentType string, body []byte) (int, []byte) {
	t.Helper()
	p := newReplay(path, string(body))
	p.request.Header.Set("Content-Type", contentType)
	w := &kept{discard: discard{header: http.Header{}, status: http.StatusOK}}
	p.body.Reset(body)
	s.ServeHTTP(w, p.request)
	switch w.status {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		var problem Problem
		if err := json.Unmarshal(w.body, &problem); err != nil || problem.Status != w.status || problem.Detail == "" {
			t.Fatalf("not a problem: %q", w.body)
		}
	default:
		t.Fatalf("status %d: %q", w.status, w.body)
	}
	return w.status, w.body
}

// addGolden adds the frames of the reference data, where that is.
func addGolden(f *testing.F, add func(frame []byte)) {
	f.Helper()
	inputs, err := filepath.Glob(filepath.Join(goldenFolder, "*/input.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range inputs {
		add(readFile(f, path))
	}
}

func fuzzServer(f *testing.F) *Server {
	f.Helper()
	s, _ := serving(f)
	s.maxRows = 1000 // a short body must not become a long answer
	return s
}

func FuzzPredict(f *testing.F) {
	for _, body := range []string{
		oneRow, escapeRow, `{"row":{"x0":1,"colour":null},"columns":["prediction","features"]}`, `{"rows":[]}`,
		`{"columns":["rawPrediction"],"rows":[{"colour":"red","x0":-0},{"colour":"\ud83d\ude00","x0":1e-400}]}`,
		`{"rows":[{"colour":"red","x0":1,"x0":2}]}`, `{"rows":[{"colour":"red","x0":1e999}]}`, `{"rows":1}`, `[`, `null`,
		`{"rows":[{"colour":"\ud800","x0":12345678901234567890}],"row":{}}`, "{\"rows\":[{\"colour\":\"\xff\"}]}",
	} {
		f.Add([]byte(body))
	}
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, answered := fuzzed(t, s, "/v1/predict", "application/json", body)
		if status != http.StatusOK {
			return
		}
		if !json.Valid(body) { // an answer means that the body was what encoding/json takes too
			t.Fatalf("took what is no JSON: %q", body)
		}
		var got struct {
			Rows []map[string]any `json:"rows"`
		}
		if err := json.Unmarshal(answered, &got); err != nil {
			t.Fatalf("%v in %q", err, answered)
		}
		if want := countRows(t, body); len(got.Rows) != want {
			t.Fatalf("%d answers to %d rows", len(got.Rows), want)
		}
	})
}

func countRows(t *testing.T, body []byte) int {
	t.Helper()
	var request map[string]json.RawMessage // exact names: encoding/json's structs would fold case
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	if request["row"] != nil {
		return 1
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(request["rows"], &rows); err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

func FuzzTransform(f *testing.F) {
	for _, body := range []string{
		oneFrame, frameStart + `[[7,-1.5,"blue"],[8,2,null]]}`, frameStart + `[]}`, `{"rows":[["red",1]],` + oneFrame[1:],
		`{"schema":{"fields":[{"name":"colour","type":{"type":"basic","base":"string"}},{"name":"x0","type":"float"}]},"rows":[["a",1]]}`,
		`{"schema":{"fields":[{"name":"x0","type":{"type":"tensor","base":"double","dimensions":[2]}}]},"rows":[]}`, `[`, ``,
	} {
		f.Add([]byte(body))
	}
	addGolden(f, func(frame []byte) { f.Add(frame) })
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, answered := fuzzed(t, s, "/transform", "application/json", body)
		if status != http.StatusOK {
			return
		}
		if !json.Valid(body) || !json.Valid(answered) {
			t.Fatalf("took or gave what is no JSON: %q -> %q", body, answered)
		}
	})
}

func FuzzTransformPacked(f *testing.F) {
	f.Add([]byte(packed(f, oneFrame, "")))
	f.Add([]byte(packed(f, frameStart+`[[7,-1.5,"blue"]]}`, `,"tag":7,"options":{"select":["id","prediction"]}`)))
	f.Add([]byte(packed(f, oneFrame, `,"options":{"select":["none"],"selectMode":"SELECT_MODE_RELAXED"}`)))
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if status, answered := fuzzed(t, s, "/models/transform", "application/json", body); status == http.StatusOK && !json.Valid(answered) {
			t.Fatalf("gave what is no JSON: %q", answered)
		}
	})
}

func FuzzInvocations(f *testing.F) {
	for _, body := range []string{"blue,-1.5\n", "\"a,b\",2e0\r\n,0\n", "red\n", "\"", "red,1e999", "\n\n", "red,\"1\"\n", " red , 1 \n"} {
		f.Add([]byte(body))
	}
	addGolden(f, func(frame []byte) {
		var parsed struct{ Rows [][]any }
		if err := json.Unmarshal(frame, &parsed); err != nil {
			f.Fatal(err)
		}
		lines, err := json.Marshal(parsed.Rows[:3])
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(strings.NewReplacer("[", "", "],", "\n", "]", "").Replace(string(lines))))
	})
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, answered := fuzzed(t, s, "/invocations", "text/csv", body)
		if status != http.StatusOK {
			return
		}
		lines, err := csv.NewReader(strings.NewReader(string(answered))).ReadAll()
		if err != nil || !utf8.Valid(answered) {
			t.Fatalf("%v in %q", err, answered)
		}
		asked, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
		if err != nil || len(asked) != len(lines) {
			t.Fatalf("%d lines to %d: %v", len(lines), len(asked), err)
		}
	})
}
