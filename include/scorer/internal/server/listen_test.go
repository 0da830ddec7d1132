package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer is a log that can be read while it is being written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a Run in progress.
type running struct {
	address string
	log     *lockedBuffer
	stop    context.CancelFunc
	ended   chan error
}

// run starts Run and waits until it is ready.
func run(t *testing.T, shutdown time.Duration) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r := &running{log: &lockedBuffer{}, stop: cancel, ended: make(chan error, 1)}
	go func() {
		r.ended <- Run(ctx, Config{
			Bundle: buyBundle(t), Address: "127.0.0.1:0", Settings: Settings{Limits: DefaultLimits()}, ShutdownTimeout: shutdown,
			Started: time.Now(), Log: slog.New(slog.NewJSONHandler(r.log, nil)),
		})
	}()
	for !strings.Contains(r.log.String(), `"ready"`) {
		select {
		case err := <-r.ended:
			t.Fatalf("ended: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	r.address = r.entry(t, "start")["address"].(string)
	return r
}

// entry returns the log line with a message.
func (r *running) entry(t *testing.T, message string) map[string]any {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(r.log.String()), "\n") {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v in the log line %q", err, line)
		}
		if entry["msg"] == message {
			return entry
		}
	}
	t.Fatalf("no %q in %s", message, r.log)
	return nil
}

func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("did not end")
		return nil
	}
}

func TestRunCompletesRequestsInProgress(t *testing.T) {
	r := run(t, 10*time.Second)
	idle := dialRaw(t, r.address) // an idle connection must not delay the shutdown
	defer idle.Close()
	fmt.Fprint(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	busy := dialRaw(t, r.address)
	defer busy.Close()
	body := `{"row":{"colour":"secret-colour","x0":1}}`
	fmt.Fprintf(busy, "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
	for !strings.Contains(get(t, "http://"+r.address+"/metrics").body, "scorer_http_requests_in_flight 2\n") { // it and this one
		time.Sleep(time.Millisecond)
	}
	r.stop()
	for !strings.Contains(r.log.String(), `"shutdown"`) {
		time.Sleep(time.Millisecond)
	}
	if _, err := io.WriteString(busy, body[10:]); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || !bytes.Contains(content, []byte("probability")) {
		t.Errorf("%d %s %v", response.StatusCode, content, err)
	}
	if err := r.end(t); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", r.address); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
	ready := r.entry(t, "ready")
	if id, _ := ready["model"].(string); !strings.HasPrefix(id, "2026-03-01-") || ready["since_start_ms"] == nil {
		t.Errorf("%v", ready)
	}
	r.entry(t, "stopped")
	if log := r.log.String(); strings.Contains(log, "secret-colour") || strings.Contains(log, "127.0.0.1:"+port(t, busy.LocalAddr())) {
		t.Errorf("the log identifies the client: %s", log)
	}
}

func TestRunAbortsRequestsAfterShutdownTimeout(t *testing.T) {
	r := run(t, 50*time.Millisecond)
	busy := dialRaw(t, r.address)
	defer busy.Close()
	fmt.Fprint(busy, "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	for !strings.Contains(get(t, "http://"+r.address+"/metrics").body, "scorer_http_requests_in_flight 2\n") {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	if err := r.end(t); err == nil || !strings.Contains(err.Error(), "still in progress after 50ms") {
		t.Errorf("got %v", err)
	}
}

func TestRunReportsStartErrors(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	good := buyBundle(t)
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	truncated := filepath.Join(t.TempDir(), "truncated.zip")
	if err := os.WriteFile(truncated, content[:len(content)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	badManifest := buyBundleWith(t, map[string]string{manifestEntry: `{"manifest_version":9}`})
	for _, c := range []struct{ name, bundle, address, want string }{
		{"port in use", good, used.Addr().String(), "cannot listen on " + used.Addr().String() + ": address already in use"},
		{"port below 0", good, "127.0.0.1:-1", "cannot listen on"},
		{"no bundle", filepath.Join(t.TempDir(), "none.zip"), "127.0.0.1:0", "no such file"},
		{"truncated bundle", truncated, "127.0.0.1:0", "not a complete zip"},
		{"manifest", badManifest, "127.0.0.1:0", manifestEntry + ": manifest_version is 9"},
	} {
		err := Run(context.Background(), Config{
			Bundle: c.bundle, Address: c.address, Settings: Settings{Limits: Limits{Body: 1}}, Log: slog.New(slog.DiscardHandler),
		})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestHTTPServerSetsAllTimeouts(t *testing.T) {
	web := NewHTTPServer(New(Settings{Limits: DefaultLimits()}, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	if web.ReadHeaderTimeout == 0 || web.ReadTimeout == 0 || web.WriteTimeout == 0 || web.IdleTimeout == 0 || web.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", web)
	}
}

func TestSlowBodyIsATimeout(t *testing.T) {
	s, _ := serving(t)
	web := NewHTTPServer(s, slog.New(slog.DiscardHandler))
	web.ReadTimeout = 50 * time.Millisecond
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = web.Serve(listener) }()
	defer web.Close()
	c := dialRaw(t, listener.Addr().String())
	defer c.Close()
	fmt.Fprint(c, "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d", response.StatusCode)
	}
}

func dialRaw(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func port(t *testing.T, address net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
