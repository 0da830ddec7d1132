// Command loadtest measures the scorer's HTTP server against the bare handler that is its limit: one that reads the
// body and answers fixed bytes of the same size, in the same process, under the same http.Server.
//
//	go run ./cmd/loadtest [-seconds 5] [-rate 500] [-connections 16] [-scorer BINARY] [-only-start] BUNDLE FRAME
//
// FRAME is a leap frame; its rows become requests of one row to /v1/predict. The servers run in a process of their own,
// a copy of this one. With -scorer it also starts that binary a few times, and tells how long it takes to be ready and
// how much memory it has. The result is one JSON object on standard output.
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
	child       bool
	bundle      string
	frame       string
}

// result is what is printed. Ratios are scorer over bare.
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
	flag.IntVar(&o.seconds, "seconds", 5, "how long each of the measurements takes")
	flag.IntVar(&o.rate, "rate", 500, "requests a second at the constant rate")
	flag.IntVar(&o.connections, "connections", 16, "connections at saturation and at the constant rate")
	flag.StringVar(&o.scorer, "scorer", "", "a scorer binary, to measure its start and memory")
	flag.BoolVar(&o.onlyStart, "only-start", false, "measure nothing but the start of -scorer")
	flag.BoolVar(&o.child, "child", false, "be the servers (used by the program itself)")
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
	var r any
	if o.onlyStart {
		r, err = measureStart(o, requestsOf(bodies))
	} else {
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
	answer, err := fetch("http://"+servers.Scorer+"/v1/predict", bodies[0])
	if err != nil {
		return nil, err
	}
	r.AnswerBytes = len(answer)
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
