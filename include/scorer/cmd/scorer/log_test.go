package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"leapline/scorer/internal/server"
)

// marker is content that must not appear in a log.
const marker = "s3cretMARKER"

// lockedBuffer is a log that can be read while it is being written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the log.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns the log.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// markedBodies returns bodies with the marker for every kind of error, per content type.
func markedBodies() map[string][]string {
	packed := base64.StdEncoding.EncodeToString([]byte(`{"schema":{"fields":[{"name":"` + marker + `","type":"double"}]},"rows":[["` + marker + `"]]}`))
	bodies := map[string][]string{
		"application/json": {
			marker, `{"` + marker + `":1}`, `{"rows":"` + marker + `"}`, `{"rows":["` + marker + `"]}`, `{"rows":[{"` + marker + `":1}]}`,
			`{"rows":[{"colour":"` + marker + `","x0":"` + marker + `"}]}`, `{"rows":[{"colour":"` + marker + `","x0":1}]}`,
			`{"rows":[],"columns":["` + marker + `"]}`, `{"sessions":"` + marker + `"}`, `{"session":{"` + marker + `":1,"events":[]}}`,
			`{"session":{"session":"` + marker + `","device":"` + marker + `","events":[{"ts":"` + marker + `","kind":"search"}]}}`,
			`{"session":{"events":[{"ts":"2026-03-14T09:26:53Z","kind":"` + marker + `","item":"` + marker + `","` + marker + `":1}]}}`,
			`{"session":{"session":"` + marker + `","events":[{"ts":"2026-03-14T09:26:53Z","kind":"search","price":"` + marker + `"}]}}`,
			`{"schema":{"fields":[{"name":"` + marker + `","type":"` + marker + `"}]},"rows":[]}`,
			`{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x0","type":"double"}]},"rows":[["` + marker + `","` + marker + `"]]}`,
			`{"format":"` + marker + `","frame":""}`, `{"format":"ml.combust.mleap.json","frame":"` + packed + `"}`,
			`{"format":"ml.combust.mleap.json","frame":"` + marker + `?"}`, `{"rows":[{"colour":"\x` + marker + `"}]}`,
		},
		"text/csv": {marker + "," + marker + "\n", marker + "\n", `"` + marker},
	}
	bodies[marker+"/x"] = []string{marker}
	return bodies
}

func TestLogsContainNoRequestContent(t *testing.T) {
	log := &lockedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{
			Bundle: exampleBundle, Address: "127.0.0.1:0", ShutdownTimeout: time.Second, Started: time.Now(),
			Settings: server.Settings{Limits: server.DefaultLimits(), AccessLog: true},
			Log:      slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
	}()
	for !strings.Contains(log.String(), `"ready"`) {
		time.Sleep(time.Millisecond)
	}
	var start struct{ Address string }
	if err := json.Unmarshal([]byte(strings.SplitN(log.String(), "\n", 2)[0]), &start); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, path := range []string{
		"/v1/score", "/v1/predict", "/transform", "/models/transform", "/models/" + marker + "/transform", "/invocations", "/v1/model",
		"/openapi.json", "/healthz", "/readyz", "/ping", "/metrics", "/" + marker,
	} {
		for contentType, bodies := range markedBodies() {
			for _, body := range bodies {
				for _, method := range []string{"POST", "GET", "DELETE", marker} {
					sendMarked(t, method, "http://"+start.Address+path+"?"+marker, contentType, body)
					sent++
				}
			}
		}
	}
	for _, text := range []string{
		marker + "\r\n\r\n", "GET / HTTP/9.9" + marker + "\r\n\r\n", "GET / HTTP/1.1\r\n" + marker + "\r\n\r\n",
		"POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + marker + "\r\n\r\n",
		"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + marker,
		"GET /" + strings.Repeat(marker, 3000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		sendRaw(t, start.Address, text)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	text := log.String()
	if n := strings.Count(text, `"msg":"request"`); n < sent {
		t.Errorf("%d lines of the access log for %d requests", n, sent)
	}
	for _, forbidden := range []string{marker, "Go-http-client"} {
		if i := strings.Index(text, forbidden); i >= 0 {
			t.Errorf("the log contains %q: %.300s", forbidden, text[max(0, i-200):])
		}
	}
	if n := strings.Count(text, "127.0.0.1"); n != 1 { // the server's own address
		t.Errorf("the log contains %d addresses", n)
	}
}

func sendMarked(t *testing.T, method, url, contentType, body string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", marker)
	request.Header.Set("X-Request-Id", "not valid: "+marker)
	request.Header.Set("Traceparent", marker)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body) // only the log matters
	_ = response.Body.Close()
}

func sendRaw(t *testing.T, address, text string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c) // only the log matters
}

func TestLambdaReportsAndLogsContainNoRequestContent(t *testing.T) {
	for _, bodies := range markedBodies() {
		for _, body := range bodies {
			log := &lockedBuffer{}
			api, posted := lambdaAPI(t, body)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			config := server.Config{
				Bundle: exampleBundle, Settings: server.Settings{Limits: server.DefaultLimits(), AccessLog: true},
				Log: slog.New(slog.NewJSONHandler(log, nil)),
			}
			go func() { ended <- serveLambda(ctx, api, config) }()
			got := <-posted
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if strings.Contains(log.String(), marker) {
				t.Errorf("%s: the log contains the marker: %s", body, log)
			}
			if strings.HasSuffix(got[0], "/error") && strings.Contains(got[1], marker) {
				t.Errorf("%s: the error report contains the marker: %s", body, got[1])
			}
		}
	}
}
