package server

import (
	"encoding/json"
	"net/http"
	"testing"
)

func FuzzScore(f *testing.F) {
	for _, body := range []string{
		oneSession, fiftyEvents(), `{"sessions":[]}`, `{"features":true,"session":{"events":[]}}`, `null`, `{"sessions":[{"session":1e400,"events":[]}]}`,
		`{"sessions":[{"session":"\ud800","session_index":3e0,"events":[{"ts":-1,"kind":"\u0069tem_view","item":"\u00e9 ","price":-0,"quantity":null}]}]}`,
		`{"session":{"events":[{"ts":"9999-12-31T23:59:59.9999999-00:01","kind":""},{"ts":"2026-02-30T00:00:00","kind":"search"}]}}`,
		`{"session":{"events":[{"ts":1773480413005,"kind":"cart_add","price":1e9,"quantity":-2147483648},{"ts":1773480413005,"kind":"checkout"}]},"items":true}`,
	} {
		f.Add([]byte(body))
	}
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, response := sendFuzzed(t, s, "/v1/score", "application/json", body)
		if status != http.StatusOK {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted invalid JSON: %q", body)
		}
		var got struct {
			Sessions []struct {
				Buy    *float64
				Reason string
			}
		}
		if err := json.Unmarshal(response, &got); err != nil {
			t.Fatalf("%v in %q", err, response)
		}
		if want := countSessions(t, body); len(got.Sessions) != want {
			t.Fatalf("%d scores for %d sessions", len(got.Sessions), want)
		}
		for _, one := range got.Sessions {
			if (one.Buy == nil) == (one.Reason == "") {
				t.Fatalf("expected either buy or a reason: %q", response)
			}
		}
	})
}

func countSessions(t *testing.T, body []byte) int {
	t.Helper()
	var request map[string]json.RawMessage
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	if request["session"] != nil {
		return 1
	}
	var sessions []json.RawMessage
	if err := json.Unmarshal(request["sessions"], &sessions); err != nil {
		t.Fatal(err)
	}
	return len(sessions)
}
