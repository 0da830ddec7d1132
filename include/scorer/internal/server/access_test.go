package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

const exampleTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func getWith(t *testing.T, url string, headers map[string]string) reply {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return do(t, r)
}

func TestIDsOfRequestAreReturned(t *testing.T) {
	_, url := serving(t)
	r := getWith(t, url+"/readyz", map[string]string{"X-Request-Id": "Req-1:2.3_4/5", "Traceparent": exampleTraceparent})
	if r.header.Get("X-Request-Id") != "Req-1:2.3_4/5" || r.header.Get("Traceparent") != exampleTraceparent {
		t.Errorf("%+v", r.header)
	}
	for _, id := range []string{strings.Repeat("x", 129), "two words", `"`, "ü"} {
		if r := getWith(t, url+"/readyz", map[string]string{"X-Request-Id": id}); r.header.Get("X-Request-Id") != "" {
			t.Errorf("%q was returned", id)
		}
	}
	if r := get(t, url+"/unknown"); len(r.header.Get("X-Request-Id")) != 32 {
		t.Errorf("an error without a request id: %+v", r.header)
	}
}

func TestTraceparentIsValidated(t *testing.T) {
	for value, want := range map[string]bool{
		exampleTraceparent: true, exampleTraceparent + "-x": false, "01" + exampleTraceparent[2:] + "-x": true,
		"ff" + exampleTraceparent[2:]:                                 false,
		strings.ToUpper(exampleTraceparent):                           false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01":     false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01":     false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01":     false,
		exampleTraceparent[1:]:                                        false,
		"01" + exampleTraceparent[2:] + "-" + strings.Repeat("x", 99): false,
	} {
		if got := isTraceparent(value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	s, url := serving(t)
	s.settings.AccessLog, s.log = true, slog.New(slog.NewJSONHandler(&log, nil))
	getWith(t, url+"/readyz?q=1", map[string]string{"X-Request-Id": "abc", "Traceparent": exampleTraceparent})
	post(t, url+"/v1/predict", `{"rows":[{"colour":"red"}]}`)
	get(t, url+"/unknown/path")
	var lines []map[string]any
	for _, text := range strings.Split(strings.TrimSpace(log.String()), "\n") {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		lines = append(lines, line)
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), &log)
	}
	first, second, third := lines[0], lines[1], lines[2]
	if first["route"] != "/readyz" || first["status"] != 200.0 || first["request_id"] != "abc" || first["trace_id"] != exampleTraceparent[3:35] {
		t.Errorf("%v", first)
	}
	if second["error"] != `row 0: column "x0" is missing` || second["method"] != "POST" || second["request_bytes"] != 27.0 {
		t.Errorf("%v", second)
	}
	if third["route"] != "other" || third["error"] != "unknown path [redacted]; see /openapi.json" || third["duration_ms"] == nil {
		t.Errorf("%v", third)
	}
}
