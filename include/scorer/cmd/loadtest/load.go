package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is a server's address and the requests to send to it in turn.
type target struct {
	address  string
	requests [][]byte
}

// latencies are quantiles in microseconds.
type latencies struct {
	Requests int     `json:"requests"`
	P50      float64 `json:"p50_us"`
	P90      float64 `json:"p90_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
}

func quantiles(times []time.Duration) latencies {
	slices.Sort(times)
	at := func(q float64) float64 {
		return float64(times[min(len(times)-1, int(q*float64(len(times))))].Nanoseconds()) / 1e3
	}
	return latencies{len(times), at(0.5), at(0.9), at(0.99), at(0.999), at(1)}
}

// oneConnection sends requests to each target sequentially over one connection. It alternates between the targets in short
// turns, so that other load on the machine affects all of them.
func oneConnection(targets []target, duration time.Duration) ([]latencies, error) {
	const turn = 200
	connections := make([]*connection, len(targets))
	times := make([][]time.Duration, len(targets))
	for i, t := range targets {
		c, err := dial(t.address)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		connections[i] = c
	}
	end := time.Now().Add(duration)
	for n := 0; time.Now().Before(end); n += turn {
		for i, t := range targets {
			for k := range turn {
				start := time.Now()
				if err := connections[i].exchange(t.requests[(n+k)%len(t.requests)]); err != nil {
					return nil, err
				}
				if n > 0 { // the first turn warms up
					times[i] = append(times[i], time.Since(start))
				}
			}
		}
	}
	results := make([]latencies, len(targets))
	for i := range targets {
		results[i] = quantiles(times[i])
	}
	return results, nil
}

// saturate sends requests over n connections as fast as possible, in alternating turns of half a second per target, and
// returns the requests per second.
func saturate(targets []target, n int, duration time.Duration) ([]float64, error) {
	const turn = 500 * time.Millisecond
	counts := make([]int64, len(targets))
	spent := make([]time.Duration, len(targets))
	for round := 0; time.Duration(round)*turn*time.Duration(len(targets)) < duration; round++ {
		for i, t := range targets {
			start := time.Now()
			count, err := burst(t, n, turn)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				counts[i] += count
				spent[i] += time.Since(start)
			}
		}
	}
	rates := make([]float64, len(targets))
	for i := range targets {
		rates[i] = float64(counts[i]) / spent[i].Seconds()
	}
	return rates, nil
}

func burst(t target, n int, duration time.Duration) (int64, error) {
	var count atomic.Int64
	var group sync.WaitGroup
	failed := make(chan error, n)
	end := time.Now().Add(duration)
	for k := range n {
		c, err := dial(t.address)
		if err != nil {
			return 0, err
		}
		group.Go(func() {
			defer c.Close()
			for i := k; time.Now().Before(end); i++ {
				if err := c.exchange(t.requests[i%len(t.requests)]); err != nil {
					failed <- err
					return
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return count.Load(), nil
	}
}

// constantRate sends rate requests per second over n connections, whether or not earlier ones are answered. A request's
// latency is measured from the time it was due, so that a stall shows in every request it delays (no coordinated omission).
func constantRate(t target, rate, n int, duration time.Duration) (latencies, error) {
	total := int(duration.Seconds() * float64(rate))
	due := make(chan time.Time, total)
	took := make(chan time.Duration, total)
	failed := make(chan error, n)
	var group sync.WaitGroup
	for k := range n {
		c, err := dial(t.address)
		if err != nil {
			return latencies{}, err
		}
		group.Go(func() {
			defer c.Close()
			i := k
			for at := range due {
				if err := c.exchange(t.requests[i%len(t.requests)]); err != nil {
					failed <- err
					return
				}
				took <- time.Since(at)
				i++
			}
		})
	}
	start := time.Now()
	for i := range total {
		at := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		waitUntil(at)
		due <- at
	}
	close(due)
	group.Wait()
	close(took)
	select {
	case err := <-failed:
		return latencies{}, err
	default:
	}
	times := make([]time.Duration, 0, total)
	for d := range took {
		times = append(times, d)
	}
	return quantiles(times[min(len(times)-1, rate/5):]), nil // the first fifth of a second warms up
}

// waitUntil sleeps until shortly before at and spins for the rest, because a sleep may return a millisecond late.
func waitUntil(at time.Time) {
	if d := time.Until(at) - time.Millisecond; d > 0 {
		time.Sleep(d)
	}
	for time.Now().Before(at) {
	}
}
