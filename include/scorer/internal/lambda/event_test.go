package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// FuzzEvent converts arbitrary events to requests, and the handler's responses to JSON or to a failure with a message.
func FuzzEvent(f *testing.F) {
	for _, event := range []string{
		fmt.Sprintf(httpV2, "/prod/invocations", "prod", "1,2", false), fmt.Sprintf(httpV2, "/binary", "", "MSwy", true),
		restV1, loadBalancer, `{"rows":[{"x0":1}]}`, `{"schema":{},"rows":[]}`, `[]`, ``, `null`, `{"requestContext":{},"version":"2.0"}`,
		`{"requestContext":{"http":{"method":" "}},"version":"2.0","headers":{"\n":"\u0000"},"rawPath":"%zz"}`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		event := parseEvent(raw)
		request, err := event.request(context.Background())
		if err != nil {
			return
		}
		recorded := &recorder{header: http.Header{}, status: http.StatusOK}
		http.HandlerFunc(echoFast).ServeHTTP(recorded, request)
		response, failed := event.response(recorded)
		if failed != nil {
			if failed.kind == "" || failed.message == "" {
				t.Fatalf("an empty failure for %q", raw)
			}
			return
		}
		if !json.Valid(response) {
			t.Fatalf("%q became %q", raw, response)
		}
	})
}

// echoFast is echo without waiting: the fuzzer's requests have no deadline.
func echoFast(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "query": r.URL.RawQuery, "header": r.Header})
}
