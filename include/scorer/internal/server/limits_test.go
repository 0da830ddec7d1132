package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// limited starts a server with so many bytes of memory for requests.
func limited(t *testing.T, bytes int64) (*Server, string) {
	t.Helper()
	s, url := serving(t)
	s.budget = newBudget(bytes)
	return s, url
}

// waitFor waits until a condition is true.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timed out waiting for " + what)
		}
	}
}

func TestLargeRequestsBeyondMemoryAreRejectedAtOnce(t *testing.T) {
	s, url := limited(t, 10<<20) // 4 MiB of it for large bodies
	address := strings.TrimPrefix(url, "http://")
	body := `{"rows":[{"colour":"red","x0":1}]}` + strings.Repeat(" ", 3<<20)
	held := dialRaw(t, address) // sends its body slowly
	defer held.Close()
	fmt.Fprintf(held, "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:100])
	waitFor(t, "the first body", func() bool { return s.budget.bodies.used.Load() > 0 })

	start := time.Now()
	r := post(t, url+"/v1/predict", body)
	if p := r.problem(t); p.Status != 503 || r.header.Get("Retry-After") != "1" || !strings.Contains(p.Detail, "retry later") {
		t.Errorf("a second large body: %+v", r)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("rejected after %v", took)
	}
	if r := post(t, url+"/v1/predict", oneRow); r.status != 200 {
		t.Errorf("a small request meanwhile: %+v", r)
	}
	if r := get(t, url+"/metrics"); !strings.Contains(r.body, `scorer_rejected_total{limit="memory"} 1`) {
		t.Error("the rejected request was not counted")
	}
	if _, err := io.WriteString(held, body[100:]); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(held), nil)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("the first body: %+v, %v", response, err)
	}
	waitFor(t, "released memory", func() bool { return s.budget.bodies.used.Load() == 0 })
	if r := post(t, url+"/v1/predict", body); r.status != 200 {
		t.Errorf("afterwards: %+v", r)
	}
}

func TestRequestLargerThanMemoryIsRejectedForGood(t *testing.T) {
	_, url := limited(t, 1<<20)
	rows := `{"rows":[` + strings.Repeat(`{"colour":"red","x0":1},`, 20_000) + `{"colour":"red","x0":1}]}`
	for name, body := range map[string]string{"body": oneRow + strings.Repeat(" ", 1<<20), "response": rows[:9] + rows[9+24*15_000:]} {
		p := post(t, url+"/v1/predict", body).problem(t)
		if p.Status != 413 || !strings.Contains(p.Detail, "--max-memory") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestMemoryIsReturnedAfterEveryRequest(t *testing.T) {
	s, url := serving(t)
	many := strings.Repeat(`{"colour":"red","x0":1},`, 9_999) + `{"colour":"red","x0":1}`
	for _, body := range []string{
		oneRow, `{`, `{"rows":[` + many + `]}`, `{"rows":[` + many + `,7]}`, `{"rows":[` + many, strings.Repeat(" ", DefaultMaxBody+1),
	} {
		post(t, url+"/v1/predict", body)
		send(t, "POST", url+"/v1/predict", "application/xml", body)
	}
	post(t, url+"/v1/score", fiftyEvents())
	post(t, url+"/transform", oneFrame)
	post(t, url+"/models/transform", packed(t, oneFrame, `,"options":{"select":["x0"]}`))
	chunked, err := http.NewRequest("POST", url+"/v1/predict", io.MultiReader(strings.NewReader(`{"rows":[`+many+`]}`)))
	if err != nil {
		t.Fatal(err)
	}
	if r := do(t, chunked); r.status != 200 {
		t.Errorf("a body of unknown length: %d", r.status)
	}
	waitFor(t, "released memory", func() bool {
		b := s.budget
		return b.small.used.Load() == 0 && b.bodies.used.Load() == 0 && b.work.used.Load() == 0 && len(b.slots) == 0
	})
}

func TestLongResponseIsComplete(t *testing.T) {
	_, url := serving(t)
	const n = 20_000 // several chunks
	r := post(t, url+"/v1/predict", `{"rows":[`+strings.Repeat(`{"colour":"red","x0":1},`, n-1)+`{"colour":"red","x0":1}]}`)
	if a := predicted(t, r); len(a.Rows) != n || r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) || len(r.body) < 4*maxChunk {
		t.Errorf("%d rows, %d bytes, %v", len(a.Rows), len(r.body), r.header)
	}
}

func TestConnectionsBeyondLimitAreRejected(t *testing.T) {
	s, _ := serving(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := NewHTTPServer(s, slog.New(slog.DiscardHandler))
	go func() { _ = web.Serve(limitConnections(inner, 2, &s.metrics)) }()
	defer web.Close()
	ask := func(c net.Conn) *http.Response {
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	var open []net.Conn
	for range 2 {
		c := dialRaw(t, inner.Addr().String())
		defer c.Close()
		if r := ask(c); r.StatusCode != 200 {
			t.Fatalf("status %d", r.StatusCode)
		}
		open = append(open, c)
	}
	third := dialRaw(t, inner.Addr().String())
	defer third.Close()
	r := ask(third)
	var p Problem
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil || r.StatusCode != 503 || p.Status != 503 || r.Header.Get("Retry-After") != "1" {
		t.Errorf("%v %+v %+v", err, r, p)
	}
	if rest, err := io.ReadAll(r.Body); err != nil || len(rest) > 1 {
		t.Errorf("%q after the problem, %v", rest, err)
	}
	if n := s.metrics.rejectedConnections.Load(); n != 1 {
		t.Errorf("%d rejected connections", n)
	}
	_ = open[0].Close()
	waitFor(t, "the closed connection", func() bool { return s.metrics.connections.Load() == 1 })
	fourth := dialRaw(t, inner.Addr().String())
	defer fourth.Close()
	if r := ask(fourth); r.StatusCode != 200 {
		t.Errorf("after one was closed: %d", r.StatusCode)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"5": 5, "16KiB": 16 << 10, "128MiB": 128 << 20, "2 GiB": 2 << 30, "-1": -1, "x": -1, "1TB": -1, "99999999GiB": -1, "": -1} {
		if got, err := ParseSize(text); (err == nil) != (want >= 0) || (err == nil && got != want) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
