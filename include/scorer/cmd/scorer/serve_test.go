package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"leapline/scorer/internal/server"
)

func TestServeArguments(t *testing.T) {
	plain := server.Config{Bundle: "m.zip", Address: "127.0.0.1:8080", Settings: server.Settings{Limits: server.DefaultLimits()}, ShutdownTimeout: 10 * time.Second}
	with := func(change func(*server.Config)) server.Config {
		c := plain
		change(&c)
		return c
	}
	for _, c := range []struct {
		args []string
		port string
		want server.Config
	}{
		{[]string{"m.zip"}, "", plain},
		{[]string{"m.zip", "serve"}, "", plain},
		{[]string{"m.zip"}, "9000", with(func(c *server.Config) { c.Address = ":9000" })},
		{[]string{"--addr", "[::1]:7", "m.zip"}, "9000", with(func(c *server.Config) { c.Address = "[::1]:7" })},
		{[]string{"serve"}, "", with(func(c *server.Config) { c.Bundle = "serve" })},
		{[]string{"m.zip", "--max-body=5", "--shutdown-timeout", "1m", "serve"}, "", with(func(c *server.Config) {
			c.Settings.Body, c.ShutdownTimeout = 5, time.Minute
		})},
		{[]string{"m.zip", "--cors-origins", "https://a.example, https://b.example", "--log-level", "warn", "--access-log"}, "", with(func(c *server.Config) {
			c.Settings.AllowedOrigins, c.LogLevel, c.Settings.AccessLog = []string{"https://a.example", "https://b.example"}, slog.LevelWarn, true
		})},
	} {
		got, err := serveConfig(c.args, func(name string) string {
			return map[string]string{"PORT": c.port}[name]
		})
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %+v, %v", c.args, got, err)
		}
	}
	for _, args := range [][]string{{"--public-keys", "none.pem", "m.zip"}, {"--max-model-age", "3", "m.zip"}, {"--min-data-day", "2026-03-01", "m.zip"}, {}, {"a", "b"}, {"--what", "m.zip"}, {"--max-body", "0", "m.zip"}, {"--shutdown-timeout", "0s", "m.zip"}} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"serve"}, args...), nil, &out, &errs); code != 2 || !strings.Contains(errs.String(), "usage:") {
			t.Errorf("%v: code %d, %s", args, code, &errs)
		}
	}
}

func TestServeFailsWithOneLine(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	truncated := filepath.Join(t.TempDir(), "truncated.zip")
	if err := os.WriteFile(truncated, []byte("PK\x03\x04 truncated"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "--addr", used.Addr().String(), truncated},
		{"serve", "--addr", "127.0.0.1:0", truncated},
		{"serve", "--addr", "127.0.0.1:0", filepath.Join(t.TempDir(), "none.zip")},
	} {
		var out, errs bytes.Buffer
		code := run(args, nil, &out, &errs)
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		last := lines[len(lines)-1]
		if code != 1 || !strings.HasPrefix(last, "scorer: ") || strings.Count(errs.String(), "scorer: ") != 1 {
			t.Errorf("%v: code %d, %q", args, code, lines)
		}
	}
}

// lambdaAPI is the part of Lambda's Runtime API that one invocation needs; the lambda package's tests cover all of it.
func lambdaAPI(t *testing.T, event string) (address string, posted chan [2]string) {
	t.Helper()
	posted = make(chan [2]string, 10)
	polled := make(chan bool, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			posted <- [2]string{r.URL.Path, string(body)}
			w.WriteHeader(http.StatusAccepted)
			return
		}
		select {
		case polled <- true:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "one")
			_, _ = io.WriteString(w, event)
		default:
			<-r.Context().Done() // no second event
		}
	}))
	t.Cleanup(func() {
		api.CloseClientConnections()
		api.Close()
	})
	return strings.TrimPrefix(api.URL, "http://"), posted
}

func TestServeOnLambda(t *testing.T) {
	api, posted := lambdaAPI(t, `{"row":{"colour":"red","x0":1}}`)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	config := server.Config{Bundle: "../../testdata/buy", Settings: server.Settings{Limits: server.DefaultLimits()}, Log: slog.New(slog.DiscardHandler)}
	go func() { ended <- serveLambda(ctx, api, config) }()
	got := <-posted
	if got[0] != "/2018-06-01/runtime/invocation/one/response" || !strings.Contains(got[1], `"segment":"defer"`) {
		t.Errorf("%q", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServeOnLambdaReportsLoadErrors(t *testing.T) {
	api, posted := lambdaAPI(t, "")
	config := server.Config{Bundle: "none.zip", Settings: server.Settings{Limits: server.Limits{Body: 1}}, Log: slog.New(slog.DiscardHandler)}
	if err := serveLambda(context.Background(), api, config); err == nil {
		t.Error("expected an error for a missing model")
	}
	got := <-posted
	if got[0] != "/2018-06-01/runtime/init/error" || !strings.Contains(got[1], "none.zip") {
		t.Errorf("%q", got)
	}
}
