package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// discard is a response writer that records only the status and the size.
type discard struct {
	header http.Header
	status int
	size   int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(b []byte) (int, error) {
	d.size += len(b)
	return len(b), nil
}

// replay is a request that can be sent repeatedly without allocating.
type replay struct {
	request *http.Request
	body    *bytes.Reader
	text    []byte
	writer  discard
}

func newReplay(path, body string) *replay {
	p := &replay{text: []byte(body), body: bytes.NewReader(nil), writer: discard{header: http.Header{}}}
	p.request = httptest.NewRequest(http.MethodPost, path, nil)
	p.request.Header.Set("Content-Type", "application/json")
	p.request.ContentLength = int64(len(body))
	p.request.Body = io.NopCloser(p.body)
	return p
}

func (p *replay) send(s *Server) int {
	p.body.Reset(p.text)
	p.writer.status, p.writer.size = http.StatusOK, 0
	s.ServeHTTP(&p.writer, p.request)
	return p.writer.status
}

const (
	oneRow    = `{"rows":[{"colour":"blue","x0":-1.5}]}`
	escapeRow = `{"rows":[{"colour":"bl\u0075e","x0":-1.5}]}`
	oneFrame  = `{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x0","type":"double"}]},"rows":[["blue",-1.5]]}`
)

func TestPredictDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	s, _ := serving(t)
	thousand := `{"rows":[` + strings.Repeat(`{"colour":"blue","x0":-1.5},`, 999) + `{"colour":"blue","x0":-1.5}]}`
	for _, c := range []struct {
		name, path, body string
		most             float64
	}{
		{"one row", "/v1/predict", oneRow, 0},
		{"an escaped text", "/v1/predict", escapeRow, 0},
		{"a thousand rows", "/v1/predict", thousand, 5},
	} {
		p := newReplay(c.path, c.body)
		if status := p.send(s); status != 200 {
			t.Fatalf("%s: %d", c.name, status)
		}
		if got := testing.AllocsPerRun(200, func() { p.send(s) }); got > c.most {
			t.Errorf("%s allocates %v times, at most %v expected", c.name, got, c.most)
		}
	}
}

func TestCancelledRequestStops(t *testing.T) {
	s, _ := serving(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	many := strings.Repeat(`{"colour":"blue","x0":-1.5},`, rowsBetweenChecks)
	for path, body := range map[string]string{
		"/v1/predict": `{"rows":[` + many + `{"colour":"blue","x0":-1.5}]}`,
		"/transform":  strings.Replace(oneFrame, `["blue",-1.5]`, strings.Repeat(`["blue",-1.5],`, rowsBetweenChecks)+`["blue",-1.5]`, 1),
	} {
		p := newReplay(path, body)
		p.request = p.request.WithContext(ctx)
		if status := p.send(s); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func benchmark(b *testing.B, path, body string) {
	s, _ := serving(b)
	p := newReplay(path, body)
	b.ReportAllocs()
	for b.Loop() {
		p.send(s)
	}
}

func BenchmarkPredict(b *testing.B)   { benchmark(b, "/v1/predict", oneRow) }
func BenchmarkTransform(b *testing.B) { benchmark(b, "/transform", oneFrame) }
