package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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

// floodSent is what the process that sends the large requests reports.
type floodSent struct {
	Statuses map[string]map[int]int
	Rejected latencies
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

// sendFlood sends large requests until standard input is closed. It prints what became of them as one line of JSON.
func sendFlood(address string, bodies [][]byte) error {
	batches := &flooder{url: "http://" + address + "/v1/predict", body: largeBatch(bodies), statuses: map[int]int{}}
	sessions := &flooder{url: "http://" + address + "/v1/score", body: longSession(), statuses: map[int]int{}}
	var group sync.WaitGroup
	batches.run(&group, floodBatches)
	sessions.run(&group, floodSessions)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	batches.stop.Store(true)
	sessions.stop.Store(true)
	group.Wait()
	sent := floodSent{Statuses: map[string]map[int]int{"batches": batches.statuses, "sessions": sessions.statuses}}
	if rejected := append(batches.rejected, sessions.rejected...); len(rejected) > 0 {
		sent.Rejected = quantiles(rejected)
	}
	return json.NewEncoder(os.Stdout).Encode(sent)
}

// floodClients is the process that sends the large requests.
type floodClients struct {
	command *exec.Cmd
	stdin   io.Closer
	stdout  bytes.Buffer
}

func startFlood(o options, address string) (*floodClients, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &floodClients{command: exec.Command(self, "-flood-address", address, o.bundle, o.frame)}
	c.command.Stdout, c.command.Stderr = &c.stdout, os.Stderr
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	return c, c.command.Start()
}

func (c *floodClients) stop() (floodSent, error) {
	var sent floodSent
	if err := errors.Join(c.stdin.Close(), c.command.Wait()); err != nil {
		return sent, fmt.Errorf("the clients that send large requests: %w", err)
	}
	return sent, json.Unmarshal(c.stdout.Bytes(), &sent)
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
	r := &floodResult{}
	if r.Quiet, err = constantRate(small, floodSmallRate, floodSmallClients, duration); err != nil {
		return nil, err
	}
	clients, err := startFlood(o, address)
	if err != nil {
		return nil, err
	}
	time.Sleep(500 * time.Millisecond)
	r.Flood, r.Failed, err = tolerantRate(small, floodSmallRate, duration)
	sent, stopErr := clients.stop()
	if err = errors.Join(err, stopErr); err != nil {
		return nil, err
	}
	r.Statuses, r.Rejected = sent.Statuses, sent.Rejected
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
