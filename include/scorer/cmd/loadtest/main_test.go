package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMain lets the test binary run the servers, as the program does.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-child") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestQuantiles(t *testing.T) {
	var times []time.Duration
	for i := range 1000 {
		times = append(times, time.Duration(1000-i)*time.Microsecond)
	}
	want := latencies{Requests: 1000, P50: 501, P90: 901, P99: 991, P999: 1000, Max: 1000}
	if got := quantiles(times); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
}

func TestMeasureReportsLatencies(t *testing.T) {
	frame := filepath.Join(t.TempDir(), "frame.json")
	text := `{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x0","type":"double"}]},"rows":[["red",1],["blue",-1]]}`
	if err := os.WriteFile(frame, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	bodies, err := predictBodies(frame)
	if err != nil || len(bodies) != 2 || string(bodies[1]) != `{"rows":[{"colour":"blue","x0":-1}]}` {
		t.Fatalf("%s, %v", bodies, err)
	}
	r, err := measure(options{seconds: 1, rate: 100, connections: 4, bundle: "../../testdata/buy", frame: frame}, bodies)
	if err != nil {
		t.Fatal(err)
	}
	if r.OneConnection.Scorer.Requests == 0 || r.ConstantRate.Scorer.Requests != 80 || r.Saturation.Ratio <= 0 || r.AnswerBytes == 0 {
		t.Errorf("%+v", r)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestFloodBodiesHaveTheirSizes(t *testing.T) {
	batch := largeBatch([][]byte{[]byte(`{"rows":[{"x0":1}]}`)})
	if len(batch) != floodBatchBytes || !json.Valid(batch) {
		t.Errorf("%d bytes", len(batch))
	}
	if session := longSession(); len(session) < 5<<20 || !json.Valid(session) {
		t.Errorf("%d bytes", len(session))
	}
}
