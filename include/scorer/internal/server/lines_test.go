package server

import (
	"encoding/json"
	"strings"
	"testing"
)

const twoLines = `{"colour":"blue","x0":-1.5}` + "\r\n" + ` {"x0":2,"colour":null} ` + "\n"

func TestPredictJSONLines(t *testing.T) {
	_, url := serving(t)
	want := predicted(t, post(t, url+"/v1/predict", `{"rows":[`+strings.Replace(strings.TrimSpace(twoLines), "\r\n", ",", 1)+`]}`))
	for _, c := range []struct{ path, contentType string }{
		{"/v1/predict", "application/x-ndjson"}, {"/v1/predict", "application/jsonlines; charset=utf-8"}, {"/invocations", "application/jsonlines"},
	} {
		r := send(t, "POST", url+c.path, c.contentType, twoLines)
		lines := strings.Split(r.body, "\n")
		if r.status != 200 || r.header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 3 || lines[2] != "" {
			t.Fatalf("%+v: %+v", c, r)
		}
		for i := range 2 {
			var row struct{ Probability []float64 }
			if err := json.Unmarshal([]byte(lines[i]), &row); err != nil || row.Probability[1] != want.Rows[i].Probability[1] {
				t.Errorf("%+v: %s, %v", c, lines[i], err)
			}
		}
	}
	if r := send(t, "POST", url+"/v1/predict?columns=prediction", "application/x-ndjson", twoLines); !strings.HasPrefix(r.body, `{"prediction":1.0,"buy"`) {
		t.Errorf("%+v", r)
	}
	if r := send(t, "POST", url+"/v1/predict", "application/x-ndjson", ""); r.status != 200 || r.body != "" {
		t.Errorf("no lines: %+v", r)
	}
}

func TestJSONLinesAreNegotiated(t *testing.T) {
	_, url := serving(t)
	for _, c := range []struct{ contentType, accept, want, body string }{
		{"application/x-ndjson", "application/json", "application/json", twoLines},
		{"application/x-ndjson", "*/*", "application/x-ndjson", twoLines},
		{"application/json", "application/x-ndjson", "application/x-ndjson", oneRow},
		{"application/json", "application/x-ndjson, */*", "application/json", oneRow},
	} {
		r := sendWith(t, "POST", url+"/v1/predict", c.body, map[string]string{"Content-Type": c.contentType, "Accept": c.accept})
		if r.status != 200 || r.header.Get("Content-Type") != c.want || strings.HasPrefix(r.body, `{"model"`) != (c.want == "application/json") {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}

func TestScoreJSONLines(t *testing.T) {
	_, url := serving(t)
	session := `{"session":"a1","device":"blue","events":[{"ts":"2026-03-14T09:26:53.589Z","kind":"page_view","page":"home"}]}`
	want := score(t, url, `{"sessions":[`+session+`]}`).Sessions[0]
	for _, path := range []string{"/v1/score?features=true", "/invocations?features=true"} {
		r := send(t, "POST", url+path, "application/x-ndjson", session+"\n"+`{"session":2,"events":[]}`)
		lines := strings.Split(r.body, "\n")
		var got struct {
			Buy      *float64
			Features map[string]any
		}
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || *got.Buy != *want.Buy || got.Features == nil || !strings.Contains(lines[1], noEvents) {
			t.Errorf("%s: %v %+v", path, err, r)
		}
	}
}

func TestJSONLinesRejectsInvalidLines(t *testing.T) {
	_, url := serving(t)
	line := `{"colour":"red","x0":1}`
	for body, status := range map[string]int{
		line + "\n\n" + line: 400, "\n" + line: 400, line + line: 400, line + " x": 400, "{\"colour\":\"red\",\n\"x0\":1}": 400,
		line + "\n[1]": 422, line + "\n{": 400, line + "\n{\"colour\":\"red\"}": 422, "\ufeff" + line: 422, "{\"colour\":\"\xff\",\"x0\":1}": 400,
	} {
		if p := send(t, "POST", url+"/v1/predict", "application/x-ndjson", body).problem(t); p.Status != status {
			t.Errorf("%q: %+v", body, p)
		}
	}
	if p := send(t, "POST", url+"/v1/score?items=1", "application/x-ndjson", `{"events":[]}`).problem(t); p.Status != 400 {
		t.Errorf("%+v", p)
	}
}

// FuzzJSONLines checks that accepted lines are valid JSON and that the response has as many lines.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(twoLines))
	f.Add([]byte("{\"colour\":\"red\",\n\"x0\":1}\n\n"))
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, response := sendFuzzed(t, s, "/v1/predict", "application/x-ndjson", body)
		if status != 200 {
			return
		}
		lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
		if len(body) > 0 && strings.Count(string(response), "\n") != len(lines) {
			t.Fatalf("%d lines for %d: %q", strings.Count(string(response), "\n"), len(lines), response)
		}
		for _, line := range lines {
			if len(body) > 0 && !json.Valid([]byte(line)) {
				t.Fatalf("accepted invalid JSON: %q", line)
			}
		}
	})
}
