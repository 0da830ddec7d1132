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

// recorder is a response writer that records the body.
type recorder struct {
	discard
	body []byte
}

func (k *recorder) Write(b []byte) (int, error) {
	k.body = append(k.body, b...)
	return len(b), nil
}

// sendFuzzed sends a body to the test model and checks that the response is a documented one, not a panic.
func sendFuzzed(t *testing.T, s *Server, path, contentType string, body []byte) (int, []byte) {
	t.Helper()
	p := newReplay(path, string(body))
	p.request.Header.Set("Content-Type", contentType)
	w := &recorder{discard: discard{header: http.Header{}, status: http.StatusOK}}
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

// addGolden adds the frames of the reference data, if it is present.
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
	s.maxRows = 1000 // a short body must not give a long response
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
		status, response := sendFuzzed(t, s, "/v1/predict", "application/json", body)
		if status != http.StatusOK {
			return
		}
		if !json.Valid(body) { // an accepted body is valid according to encoding/json too
			t.Fatalf("accepted invalid JSON: %q", body)
		}
		var got struct {
			Rows []map[string]any `json:"rows"`
		}
		if err := json.Unmarshal(response, &got); err != nil {
			t.Fatalf("%v in %q", err, response)
		}
		if want := countRows(t, body); len(got.Rows) != want {
			t.Fatalf("%d response rows for %d rows", len(got.Rows), want)
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
		status, response := sendFuzzed(t, s, "/transform", "application/json", body)
		if status != http.StatusOK {
			return
		}
		if !json.Valid(body) || !json.Valid(response) {
			t.Fatalf("accepted or returned invalid JSON: %q -> %q", body, response)
		}
	})
}

func FuzzTransformPacked(f *testing.F) {
	f.Add([]byte(packed(f, oneFrame, "")))
	f.Add([]byte(packed(f, frameStart+`[[7,-1.5,"blue"]]}`, `,"tag":7,"options":{"select":["id","prediction"]}`)))
	f.Add([]byte(packed(f, oneFrame, `,"options":{"select":["none"],"selectMode":"SELECT_MODE_RELAXED"}`)))
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if status, response := sendFuzzed(t, s, "/models/transform", "application/json", body); status == http.StatusOK && !json.Valid(response) {
			t.Fatalf("returned invalid JSON: %q", response)
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
		status, response := sendFuzzed(t, s, "/invocations", "text/csv", body)
		if status != http.StatusOK {
			return
		}
		lines, err := csv.NewReader(strings.NewReader(string(response))).ReadAll()
		if err != nil || !utf8.Valid(response) {
			t.Fatalf("%v in %q", err, response)
		}
		rows, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
		if err != nil || len(rows) != len(lines) {
			t.Fatalf("%d response rows for %d rows: %v", len(lines), len(rows), err)
		}
	})
}
