// Command loadtest compares the scorer's HTTP server with a baseline: a handler that reads the body and returns a constant
// response of the same size, in the same process, under the same http.Server.
//
//	go run ./cmd/loadtest [-seconds 5] [-rate 500] [-connections 16] [-scorer BINARY] [-only-start | -flood] BUNDLE FRAME
//
// FRAME is a leap frame; each of its rows becomes a request to /v1/predict. The servers run in a separate process, a copy
// of this one. With -scorer it also starts that binary several times and reports the time until it is ready and its memory.
// With -flood it measures one-row requests to that binary while 64 clients in another process, so that they do not delay
// those requests here, send large ones. The result is one JSON
// object on standard output.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

type options struct {
	seconds     int
	rate        int
	connections int
	scorer      string
	onlyStart   bool
	flood       bool
	child       bool
	flooded     string
	bundle      string
	frame       string
}

// result is the output. Ratios are scorer divided by baseline ("bare").
type result struct {
	Bundle        string         `json:"bundle"`
	RequestBytes  int            `json:"request_bytes"`
	AnswerBytes   int            `json:"answer_bytes"`
	OneConnection paired         `json:"one_connection"`
	ConstantRate  rated          `json:"constant_rate"`
	Saturation    saturated      `json:"saturation"`
	Memory        map[string]int `json:"memory_bytes"`
	Start         *startResult   `json:"start,omitempty"`
}

type paired struct {
	Bare     latencies `json:"bare"`
	Scorer   latencies `json:"scorer"`
	RatioP50 float64   `json:"ratio_p50"`
}

type rated struct {
	RequestsPerSecond int       `json:"requests_per_second"`
	Bare              latencies `json:"bare"`
	Scorer            latencies `json:"scorer"`
}

type saturated struct {
	Connections int     `json:"connections"`
	Bare        float64 `json:"bare_requests_per_second"`
	Scorer      float64 `json:"scorer_requests_per_second"`
	Ratio       float64 `json:"ratio"`
}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 5, "duration of each measurement")
	flag.IntVar(&o.rate, "rate", 500, "requests per second at the constant rate")
	flag.IntVar(&o.connections, "connections", 16, "connections at saturation and at the constant rate")
	flag.StringVar(&o.scorer, "scorer", "", "a scorer binary whose start and memory to measure")
	flag.BoolVar(&o.onlyStart, "only-start", false, "measure only the start of -scorer")
	flag.BoolVar(&o.flood, "flood", false, "measure only -scorer during a flood of large requests")
	flag.BoolVar(&o.child, "child", false, "run the servers (used internally)")
	flag.StringVar(&o.flooded, "flood-address", "", "send large requests to this address (used internally)")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: loadtest [flags] BUNDLE FRAME")
		os.Exit(2)
	}
	o.bundle, o.frame = flag.Arg(0), flag.Arg(1)
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	bodies, err := predictBodies(o.frame)
	if err != nil {
		return err
	}
	if o.child {
		return serveChild(o.bundle, bodies[0])
	}
	if o.flooded != "" {
		return sendFlood(o.flooded, bodies)
	}
	var r any
	switch {
	case o.onlyStart:
		r, err = measureStart(o, requestsOf(bodies))
	case o.flood:
		r, err = measureFlood(o, bodies)
	default:
		r, err = measure(o, bodies)
	}
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

func requestsOf(bodies [][]byte) [][]byte {
	requests := make([][]byte, len(bodies))
	for i, body := range bodies {
		requests[i] = requestBytes("/v1/predict", body)
	}
	return requests
}

func measure(o options, bodies [][]byte) (*result, error) {
	servers, err := startChild(o)
	if err != nil {
		return nil, err
	}
	defer servers.stop()
	r := &result{Bundle: o.bundle, RequestBytes: len(bodies[0])}
	response, err := fetch("http://"+servers.Scorer+"/v1/predict", bodies[0])
	if err != nil {
		return nil, err
	}
	r.AnswerBytes = len(response)
	requests := requestsOf(bodies)
	targets := []target{{servers.Bare, requests}, {servers.Scorer, requests}}
	if err := r.load(o, targets, time.Duration(o.seconds)*time.Second); err != nil {
		return nil, err
	}
	r.Memory = memory(servers.pid())
	if o.scorer != "" {
		r.Start, err = measureStart(o, requests)
	}
	return r, err
}

func (r *result) load(o options, targets []target, duration time.Duration) error {
	pair, err := oneConnection(targets, duration)
	if err != nil {
		return err
	}
	r.OneConnection = paired{pair[0], pair[1], pair[1].P50 / pair[0].P50}
	r.ConstantRate.RequestsPerSecond = o.rate
	if r.ConstantRate.Bare, err = constantRate(targets[0], o.rate, o.connections, duration); err != nil {
		return err
	}
	if r.ConstantRate.Scorer, err = constantRate(targets[1], o.rate, o.connections, duration); err != nil {
		return err
	}
	rates, err := saturate(targets, o.connections, 2*duration)
	if err != nil {
		return err
	}
	r.Saturation = saturated{o.connections, rates[0], rates[1], rates[1] / rates[0]}
	return nil
}
