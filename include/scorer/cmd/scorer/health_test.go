package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(status)
		}
	}))
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := strings.Cut(address, ":")
	check := func(want int, text string, args ...string) {
		t.Helper()
		var errs bytes.Buffer
		if code := run(append([]string{"health"}, args...), nil, nil, &errs); code != want || !strings.Contains(errs.String(), text) {
			t.Errorf("%v: code %d, %s", args, code, &errs)
		}
	}
	check(0, "", "--addr", address)
	t.Setenv("PORT", port)
	check(0, "")
	status = http.StatusServiceUnavailable
	check(1, "not ready: 503")
	check(2, "usage:", "something")
	server.Close()
	check(1, "connection refused")
}
