package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Sizes of the flood's requests.
const (
	floodBatches      = 24          // concurrent requests of many rows
	floodBatchBytes   = 12 << 20    // size of each
	floodSessions     = 40          // concurrent requests of one long session
	floodEvents       = 50_000      // events of each
	floodRetry        = time.Second // wait after a rejected request: the Retry-After of the scorer
	floodSmallRate    = 200         // requests of one row per second
	floodSmallClients = 4
)

// floodResult shows how a scorer binary behaves while it receives more large requests than it can process.
type floodResult struct {
	Quiet    latencies              `json:"one_row_quiet"`  // latencies of one-row requests before the flood
	Flood    latencies              `json:"one_row_flood"`  // and during the flood
	Failed   int                    `json:"one_row_failed"` // one-row requests with another status than 200
	Statuses map[string]map[int]int `json:"large_requests"` // per kind: number of responses per status; 0 for broken connections
	Rejected latencies              `json:"rejected"`       // time until a large request got 503
	Memory   map[string]int         `json:"memory_bytes"`
}

// flooder sends large requests in a loop until stopped.
type flooder struct {
	url  string
	body []byte
	stop atomic.Bool

	mu       sync.Mutex
	statuses map[int]int
	rejected []time.Duration
}

func (f *flooder) run(group *sync.WaitGroup, n int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: time.Minute}
	for range n {
		group.Go(func() {
			for !f.stop.Load() {
				f.send(client)
			}
		})
	}
}

func (f *flooder) send(client *http.Client) {
	start, status := time.Now(), 0
	response, err := client.Post(f.url, "application/json", bytes.NewReader(f.body))
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body) // only the status matters
		_ = response.Body.Close()
		status = response.StatusCode
	}
	f.record(status, time.Since(start))
	if status != http.StatusOK {
		time.Sleep(floodRetry)
	}
}

func (f *flooder) record(status int, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statuses[status]++
	if status == http.StatusServiceUnavailable {
		f.rejected = append(f.rejected, took)
	}
}

// measureFlood starts the scorer and measures one-row requests, first alone and then during a flood of large ones.
func measureFlood(o options, bodies [][]byte) (*floodResult, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command := exec.Command(o.scorer, "serve", "--addr", address, o.bundle)
	if err := command.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	c, err := awaitReady(address, time.Now())
	if err != nil {
		return nil, err
	}
	_ = c.Close()
	time.Sleep(1500 * time.Millisecond) // the server has tuned its garbage collector by then
	duration := time.Duration(o.seconds) * time.Second
	small := target{address, requestsOf(bodies)}
	r := &floodResult{Statuses: map[string]map[int]int{}}
	if r.Quiet, err = constantRate(small, floodSmallRate, floodSmallClients, duration); err != nil {
		return nil, err
	}
	batches := &flooder{url: "http://" + address + "/v1/predict", body: largeBatch(bodies), statuses: map[int]int{}}
	sessions := &flooder{url: "http://" + address + "/v1/score", body: longSession(), statuses: map[int]int{}}
	var group sync.WaitGroup
	batches.run(&group, floodBatches)
	sessions.run(&group, floodSessions)
	time.Sleep(500 * time.Millisecond)
	r.Flood, r.Failed, err = tolerantRate(small, floodSmallRate, duration)
	batches.stop.Store(true)
	sessions.stop.Store(true)
	group.Wait()
	if err != nil {
		return nil, err
	}
	r.Statuses["batches"], r.Statuses["sessions"] = batches.statuses, sessions.statuses
	if rejected := append(batches.rejected, sessions.rejected...); len(rejected) > 0 {
		r.Rejected = quantiles(rejected)
	}
	r.Memory = memory(command.Process.Pid)
	return r, nil
}

// tolerantRate is constantRate over one connection per request in turn, for a server that may reject requests or close
// connections. It returns the latencies of all requests and the number of those without status 200.
func tolerantRate(t target, rate int, duration time.Duration) (latencies, int, error) {
	var times []time.Duration
	failed := 0
	c, err := dial(t.address)
	if err != nil {
		return latencies{}, 0, err
	}
	defer func() { _ = c.Close() }()
	start := time.Now()
	for i := range int(duration.Seconds() * float64(rate)) {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		waitUntil(due)
		if err := c.exchange(t.requests[i%len(t.requests)]); err != nil {
			failed++
			_ = c.Close()
			if c, err = dial(t.address); err != nil {
				return latencies{}, failed, err
			}
		}
		times = append(times, time.Since(due))
	}
	return quantiles(times), failed, nil
}

// largeBatch returns a body for /v1/predict of floodBatchBytes, made of the rows of other bodies.
func largeBatch(bodies [][]byte) []byte {
	b := []byte(`{"rows":[`)
	for i := 0; len(b) < floodBatchBytes && i < 100_000; i++ {
		if i > 0 {
			b = append(b, ',')
		}
		row := bytes.TrimSuffix(bytes.TrimPrefix(bodies[i%len(bodies)], []byte(`{"rows":[`)), []byte(`]}`))
		b = append(b, row...)
	}
	b = append(b, "]}"...)
	if n := floodBatchBytes - len(b); n > 0 { // short rows reach the limit on rows before the size
		b = append(b, strings.Repeat(" ", n)...)
	}
	return b
}

// longSession returns a body for /v1/score: one session with the maximum number of events, all on different items.
func longSession() []byte {
	b := []byte(`{"session":{"session":"flood","events":[`)
	for i := range floodEvents {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"ts":`...)
		b = strconv.AppendInt(b, 1_773_480_413_000+int64(i), 10)
		b = fmt.Appendf(b, `,"kind":"item_view","page":"item","item":"SKU-%06d","category":"category-%05d","price":19.99}`, i, i%100)
	}
	return append(b, "]}}"...)
}
