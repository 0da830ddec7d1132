package server

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sample is one sample of Prometheus' text format.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)`)
	headerLine = regexp.MustCompile(`^# (HELP|TYPE) (\S+) (.+)$`)
)

// parseMetrics parses the text format (version 0.0.4) strictly: every sample belongs to the family declared before it.
func parseMetrics(t testing.TB, text string) []sample {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		t.Fatal("the last line is not terminated")
	}
	types := map[string]string{}
	family := ""
	var samples []sample
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if header := headerLine.FindStringSubmatch(line); header != nil {
			family = header[2]
			if header[1] == "TYPE" {
				if types[family] != "" {
					t.Fatalf("%s is declared twice", family)
				}
				types[family] = header[3]
			}
			continue
		}
		match := sampleLine.FindStringSubmatch(line)
		if match == nil {
			t.Fatalf("not a sample: %q", line)
		}
		s := sample{match[1], map[string]string{}, 0}
		for rest := match[2]; rest != ""; {
			pair := labelPair.FindStringSubmatch(rest)
			if pair == nil {
				t.Fatalf("not labels: %q", rest)
			}
			s.labels[pair[1]], rest = pair[2], rest[len(pair[0]):]
		}
		var err error
		if s.value, err = strconv.ParseFloat(match[3], 64); err != nil {
			t.Fatal(err)
		}
		base := s.name
		if types[family] == "histogram" {
			base = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(base, "_bucket"), "_sum"), "_count")
		}
		if base != family || types[family] == "" {
			t.Fatalf("%s is listed under %s", s.name, family)
		}
		samples = append(samples, s)
	}
	return samples
}

func find(samples []sample, name string, labels ...string) []sample {
	var matches []sample
	for _, s := range samples {
		match := s.name == name
		for i := 0; i+1 < len(labels); i += 2 {
			match = match && s.labels[labels[i]] == labels[i+1]
		}
		if match {
			matches = append(matches, s)
		}
	}
	return matches
}

func TestMetricsCountRequests(t *testing.T) {
	s, url := serving(t)
	for range 3 {
		post(t, url+"/v1/predict", `{"rows":[{"colour":"red","x0":1},{"colour":"red","x0":1}]}`)
	}
	post(t, url+"/v1/predict", `{"rows":[{}]}`)
	post(t, url+"/transform", frameStart+`[[7,-1.5,"blue"]]}`)
	send(t, "POST", url+"/invocations", "text/csv", "red,1\nred,1\n")
	get(t, url+"/nothing")
	r := get(t, url+"/metrics")
	if r.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%v", r.header)
	}
	samples := parseMetrics(t, r.body)
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{3, "scorer_http_requests_total", []string{"route", "/v1/predict", "code", "200"}},
		{1, "scorer_http_requests_total", []string{"route", "/v1/predict", "code", "422"}},
		{1, "scorer_http_requests_total", []string{"route", "other", "code", "404"}},
		{9, "scorer_rows_total", nil},
		{0, "scorer_panics_total", nil},
		{1, "scorer_ready", nil},
		{1, "scorer_http_requests_in_flight", nil},
		{1, "scorer_model_info", []string{"model", s.model.Load().ID}},
		{4, "scorer_http_request_duration_seconds_count", []string{"route", "/v1/predict"}},
		{4, "scorer_http_request_duration_seconds_bucket", []string{"route", "/v1/predict", "le", "+Inf"}},
	} {
		if got := find(samples, want.name, want.labels...); len(got) != 1 || got[0].value != want.value {
			t.Errorf("%+v: got %+v", want, got)
		}
	}
	for _, name := range []string{"process_resident_memory_bytes", "process_start_time_seconds", "go_goroutines", "scorer_build_info"} {
		if got := find(samples, name); len(got) != 1 || got[0].value <= 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	var m metrics
	r := m.route("x")
	for _, d := range []time.Duration{0, 25 * time.Microsecond, 26 * time.Microsecond, 3 * time.Millisecond, time.Minute} {
		r.observe(200, d)
	}
	samples := parseMetrics(t, string(m.text(nil, false, newBudget(0))))
	buckets := find(samples, "scorer_http_request_duration_seconds_bucket")
	if len(buckets) != len(latencyBounds)+1 {
		t.Fatalf("%d buckets", len(buckets))
	}
	bound, count := -1.0, -1.0
	for _, b := range buckets {
		le, err := strconv.ParseFloat(b.labels["le"], 64)
		if err != nil || le <= bound || b.value < count {
			t.Errorf("%+v after %v, %v", b, bound, count)
		}
		bound, count = le, b.value
	}
	for le, want := range map[string]float64{"2.5e-05": 2, "5e-05": 3, "0.0025": 3, "0.005": 4, "5": 4, "+Inf": 5} {
		if got := find(buckets, "scorer_http_request_duration_seconds_bucket", "le", le); len(got) != 1 || got[0].value != want {
			t.Errorf("le %s: %+v, expected %v", le, got, want)
		}
	}
	if sum := find(samples, "scorer_http_request_duration_seconds_sum"); len(sum) != 1 || fmt.Sprintf("%.6f", sum[0].value) != "60.003051" {
		t.Errorf("%+v", sum)
	}
}

func TestCountersAreConcurrencySafe(t *testing.T) {
	var m metrics
	r := m.route("x")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				r.observe(200, time.Millisecond)
				r.observe(503, time.Second)
				r.observe(999, time.Second) // not listed: counted as the last status
			}
		})
	}
	group.Wait()
	samples := parseMetrics(t, string(m.text(nil, false, newBudget(0))))
	for code, want := range map[string]float64{"200": 8000, "503": 8000, "500": 8000} {
		if got := find(samples, "scorer_http_requests_total", "code", code); len(got) != 1 || got[0].value != want {
			t.Errorf("%s: %+v", code, got)
		}
	}
}

// BenchmarkObserve counts one request.
func BenchmarkObserve(b *testing.B) {
	var m metrics
	r := m.route("x")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.observe(200, 70*time.Microsecond)
		}
	})
}

// BenchmarkMetricsText renders the response to a scrape with a sample for every route.
func BenchmarkMetricsText(b *testing.B) {
	s, _ := serving(b)
	for _, r := range s.metrics.routes {
		r.observe(200, time.Millisecond)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.metrics.text(s.model.Load(), true, s.budget)
	}
}
