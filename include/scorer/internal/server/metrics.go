package server

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// latencyBounds are the histogram's upper bounds: one row takes microseconds, a batch of thousands milliseconds.
var latencyBounds = [...]time.Duration{
	25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// statuses are the counted response statuses; any other status is counted as the last one.
var statuses = [...]int{200, 204, 400, 404, 405, 406, 408, 413, 415, 422, 503, 500}

// histogram counts durations in fixed buckets. It is lock-free and safe for concurrent use.
type histogram struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(latencyBounds) && d > latencyBounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(int64(d))
}

// routeMetrics contains the counters of one route.
type routeMetrics struct {
	route    string
	requests [len(statuses)]atomic.Uint64
	latency  histogram
}

func (m *routeMetrics) observe(status int, d time.Duration) {
	i := 0
	for i < len(statuses)-1 && statuses[i] != status {
		i++
	}
	m.requests[i].Add(1)
	m.latency.observe(d)
}

// metrics contains the counters that /metrics exposes in Prometheus' text format.
type metrics struct {
	started  time.Time
	routes   []*routeMetrics
	inFlight atomic.Int64
	rows     atomic.Uint64
	panics   atomic.Uint64

	connections         atomic.Int64
	rejectedConnections atomic.Uint64
}

// route adds the counters of a route. It must not be called after the server has started.
func (m *metrics) route(name string) *routeMetrics {
	r := &routeMetrics{route: name}
	m.routes = append(m.routes, r)
	return r
}

// text renders all metrics; model is nil until it is loaded.
func (m *metrics) text(model *Model, ready bool, memory *budget) []byte {
	var b bytes.Buffer
	family := func(name, kind, help string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	single := func(name, kind, help string, value any) {
		family(name, kind, help)
		fmt.Fprintf(&b, "%s %v\n", name, value)
	}
	family("scorer_http_requests_total", "counter", "Completed requests, by route and status.")
	m.writeRequests(&b)
	family("scorer_http_request_duration_seconds", "histogram", "Time from the request's headers to the response, by route.")
	for _, r := range m.routes {
		r.writeLatency(&b)
	}
	single("scorer_http_requests_in_flight", "gauge", "Requests in progress.", m.inFlight.Load())
	single("scorer_rows_total", "counter", "Rows scored.", m.rows.Load())
	single("scorer_panics_total", "counter", "Requests that failed because of a panic in the scorer.", m.panics.Load())
	m.writeLimits(family, &b, memory)
	single("scorer_ready", "gauge", "1 while the scorer is ready, 0 while it is loading or draining.", boolNumber(ready))
	if model != nil {
		family("scorer_model_info", "gauge", "The served model.")
		fmt.Fprintf(&b, "scorer_model_info{model=%s} 1\n", label(model.ID))
		single("scorer_model_load_seconds", "gauge", "Duration of loading the model.", seconds(model.LoadTime))
	}
	family("scorer_build_info", "gauge", "The scorer's version.")
	fmt.Fprintf(&b, "scorer_build_info{version=%s,go=%s} 1\n", label(Version), label(runtime.Version()))
	single("go_goroutines", "gauge", "Number of goroutines.", runtime.NumGoroutine())
	single("process_resident_memory_bytes", "gauge", "Resident memory size.", residentBytes())
	single("process_start_time_seconds", "gauge", "Start time since the Unix epoch.", seconds(time.Duration(m.started.UnixNano())))
	return b.Bytes()
}

// writeLimits writes the use of the process's limits.
func (m *metrics) writeLimits(family func(name, kind, help string), b *bytes.Buffer, memory *budget) {
	family("scorer_rejected_total", "counter", "Requests and connections rejected with 503, by the exceeded limit.")
	fmt.Fprintf(b, "scorer_rejected_total{limit=\"memory\"} %d\n", memory.rejected.Load())
	fmt.Fprintf(b, "scorer_rejected_total{limit=\"connections\"} %d\n", m.rejectedConnections.Load())
	family("scorer_connections", "gauge", "Open connections.")
	fmt.Fprintf(b, "scorer_connections %d\n", m.connections.Load())
	family("scorer_request_memory_bytes", "gauge", "Memory in use by requests, by pool.")
	pools := []struct {
		name string
		*pool
	}{{"small", &memory.small}, {"bodies", &memory.bodies}, {"work", &memory.work}}
	for _, p := range pools {
		fmt.Fprintf(b, "scorer_request_memory_bytes{pool=%q} %d\n", p.name, p.used.Load())
	}
	family("scorer_request_memory_limit_bytes", "gauge", "Memory available to requests, by pool.")
	for _, p := range pools {
		fmt.Fprintf(b, "scorer_request_memory_limit_bytes{pool=%q} %d\n", p.name, p.max.Load())
	}
}

func (m *metrics) writeRequests(b *bytes.Buffer) {
	for _, r := range m.routes {
		for i, status := range statuses {
			if n := r.requests[i].Load(); n > 0 {
				fmt.Fprintf(b, "scorer_http_requests_total{route=%s,code=\"%d\"} %d\n", label(r.route), status, n)
			}
		}
	}
}

// writeLatency writes the route's cumulative histogram, or nothing if the route has not been requested.
func (m *routeMetrics) writeLatency(b *bytes.Buffer) {
	const name = "scorer_http_request_duration_seconds"
	route := label(m.route)
	var counts [len(latencyBounds) + 1]uint64
	var total uint64
	for i := range counts {
		total += m.latency.buckets[i].Load()
		counts[i] = total
	}
	if total == 0 {
		return
	}
	for i, bound := range latencyBounds {
		fmt.Fprintf(b, "%s_bucket{route=%s,le=\"%s\"} %d\n", name, route, seconds(bound), counts[i])
	}
	fmt.Fprintf(b, "%s_bucket{route=%s,le=\"+Inf\"} %d\n", name, route, total)
	fmt.Fprintf(b, "%s_sum{route=%s} %s\n", name, route, seconds(time.Duration(m.latency.nanos.Load())))
	fmt.Fprintf(b, "%s_count{route=%s} %d\n", name, route, total)
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func label(value string) string {
	return `"` + labelEscaper.Replace(value) + `"`
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'g', -1, 64)
}

func boolNumber(v bool) int {
	if v {
		return 1
	}
	return 0
}

// residentBytes returns the process's resident memory, 0 on systems without /proc.
func residentBytes() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// Version is Leapline's version, which the build sets from the Python package: -ldflags "-X ...server.Version=1.2.3". It does
// not contain the commit, so that builds of equal code are equal.
var Version = "dev"
