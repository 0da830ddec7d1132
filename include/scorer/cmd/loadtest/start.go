package main

import (
	"fmt"
	"net"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// startResult describes the start of a scorer binary: the milliseconds from the process's start to the first 200 of /readyz,
// and its memory at that point and after requests.
type startResult struct {
	Runs        int            `json:"runs"`
	ReadyMedian float64        `json:"ready_ms_median"`
	ReadyWorst  float64        `json:"ready_ms_worst"`
	MemoryReady map[string]int `json:"memory_bytes_ready"`
	MemoryAfter map[string]int `json:"memory_bytes_after_requests"`
	Requests    int            `json:"requests"`
}

func measureStart(o options, requests [][]byte) (*startResult, error) {
	const runs, requestCount = 11, 20_000
	r := &startResult{Runs: runs, Requests: requestCount}
	var ready []float64
	for i := range runs {
		took, err := r.startOnce(o, requests, i == runs-1, requestCount)
		if err != nil {
			return nil, err
		}
		ready = append(ready, float64(took.Microseconds())/1e3)
	}
	slices.Sort(ready)
	r.ReadyMedian, r.ReadyWorst = ready[runs/2], ready[runs-1]
	return r, nil
}

func (r *startResult) startOnce(o options, requests [][]byte, last bool, requestCount int) (time.Duration, error) {
	address, err := freeAddress()
	if err != nil {
		return 0, err
	}
	command := exec.Command(o.scorer, "serve", "--addr", address, o.bundle)
	start := time.Now()
	if err := command.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	c, err := awaitReady(address, start)
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	defer c.Close()
	if !last {
		return took, nil
	}
	time.Sleep(1500 * time.Millisecond) // the server has tuned its garbage collector by then
	r.MemoryReady = memory(command.Process.Pid)
	for i := range requestCount {
		if err := c.exchange(requests[i%len(requests)]); err != nil {
			return 0, err
		}
	}
	r.MemoryAfter = memory(command.Process.Pid)
	return took, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// awaitReady requests /readyz until its status is 200.
func awaitReady(address string, start time.Time) (*connection, error) {
	request := []byte("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for time.Since(start) < 10*time.Second {
		if c, err := dial(address); err == nil {
			if c.exchange(request) == nil {
				return c, nil
			}
			_ = c.Close()
		}
		time.Sleep(500 * time.Microsecond)
	}
	return nil, fmt.Errorf("the scorer was not ready after 10 s")
}
