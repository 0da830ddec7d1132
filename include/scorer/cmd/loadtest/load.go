package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// target is a server's address and the requests to send it in turn.
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

// oneConnection asks each target on one connection, one request after the other, in short turns, so that whatever else
// the machine does falls on all alike.
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

// saturate asks as fast as n connections can, in turns of half a second a target, and gives requests a second.
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

// constantRate sends rate requests a second whether or not earlier ones are answered, over n connections. A request's
// time counts from when it was due, so that a stall shows in all that it delays (no coordinated omission).
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

// waitUntil sleeps most of the way and spins the rest: a sleep alone comes up to a millisecond late.
func waitUntil(at time.Time) {
	if d := time.Until(at) - time.Millisecond; d > 0 {
		time.Sleep(d)
	}
	for time.Now().Before(at) {
	}
}
