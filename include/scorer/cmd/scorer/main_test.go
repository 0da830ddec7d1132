package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leapline/scorer/internal/bitslice"
)

const exampleBundle = "../../testdata/buy"

// command runs the command line in process.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, bad bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &bad)
	return code, out.String(), bad.String()
}

func frameFor(t *testing.T) string {
	t.Helper()
	code, out, stderr := command(t, "", "inspect", "--json", exampleBundle)
	if code != 0 {
		t.Fatal(stderr)
	}
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	var fields, cells []string
	for _, c := range r.Inputs {
		fields = append(fields, `{"name":"`+c.Name+`","type":"`+strings.TrimSuffix(c.Type, "?")+`"}`)
		if strings.HasPrefix(c.Type, "string") {
			cells = append(cells, `"red"`)
		} else {
			cells = append(cells, "3.0")
		}
	}
	return `{"schema":{"fields":[` + strings.Join(fields, ",") + `]},"rows":[[` + strings.Join(cells, ",") + `]]}`
}

func TestTransform(t *testing.T) {
	code, out, stderr := command(t, frameFor(t), "transform", exampleBundle)
	var frame struct{ Rows [][]any }
	if err := json.Unmarshal([]byte(out), &frame); code != 0 || err != nil || len(frame.Rows) != 1 {
		t.Errorf("%d %s %s %v", code, out, stderr, err)
	}
}

func TestScore(t *testing.T) {
	code, out, stderr := command(t, `{"session":{"session":"s","events":[{"ts":1773480413001,"kind":"search"}]},"features":true}`, "score", exampleBundle)
	var scores struct {
		Sessions []struct {
			Buy      float64
			Features map[string]any
		}
	}
	if err := json.Unmarshal([]byte(out), &scores); code != 0 || err != nil || len(scores.Sessions) != 1 || scores.Sessions[0].Features["n_events"] != 1.0 {
		t.Errorf("%d %s %s %v", code, out, stderr, err)
	}
	code, out, stderr = command(t, `{"session":{"events":[{"ts":1773480413001}]}}`, "score", exampleBundle)
	if code != 1 || out != "" || stderr != "scorer: /session/events/0/kind: is missing\n" {
		t.Errorf("%d %q %q", code, out, stderr)
	}
}

func TestInspect(t *testing.T) {
	code, out, stderr := command(t, "", "inspect", exampleBundle)
	for _, want := range []string{"string_indexer", "logistic_regression", "inputs:", "final outputs: ", "manifest:", `data_day: "2026-03-01"`} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s%s does not contain %q", out, stderr, want)
		}
	}
}

func TestBench(t *testing.T) {
	frame := filepath.Join(t.TempDir(), "frame.json")
	if err := os.WriteFile(frame, []byte(frameFor(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := command(t, "", "bench", exampleBundle, frame)
	var r benchResult
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
		t.Fatalf("%d %s %s %v", code, out, stderr, err)
	}
	if r.Rows != 1 || r.P50 <= 0 || r.P99 < r.P50 || r.Mean <= 0 || r.Allocs != 0 || r.BatchRate <= 0 {
		t.Errorf("%+v", r)
	}
}

// TestExitCodes checks that an invalid file leads to one line and code 1, and an invalid command line to code 2.
func TestExitCodes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.zip")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"inspect", empty}, 1, "is empty, expected a zip"},
		{[]string{"inspect", "nowhere.zip"}, 1, "nowhere.zip: cannot be opened"},
		{[]string{"transform", empty}, 1, "is empty"},
		{[]string{"bench", exampleBundle, "nowhere.json"}, 1, "nowhere.json"},
		{[]string{"bench", exampleBundle, empty}, 1, "unexpected end of input"},
		{nil, 2, "usage: scorer serve"},
		{[]string{"fly"}, 2, `unknown command "fly"`},
		{[]string{"inspect"}, 2, "usage"},
		{[]string{"inspect", "a", "b"}, 2, "usage"},
		{[]string{"inspect", "--colour", "a"}, 2, "flag provided but not defined"},
		{[]string{"score"}, 2, "usage"},
		{[]string{"score", empty}, 1, "is empty"},
		{[]string{"transform"}, 2, "usage"},
		{[]string{"bench", "a"}, 2, "usage"},
	} {
		code, out, stderr := command(t, "", c.args...)
		if code != c.code || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: code %d, %q, %q", c.args, code, out, stderr)
		}
		if code == 1 && (strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "scorer: ")) {
			t.Errorf("%v: more than one line: %q", c.args, stderr)
		}
	}
	code, _, stderr := command(t, "{}", "transform", exampleBundle)
	if code != 1 || !strings.Contains(stderr, "leap frame on stdin: leap frame requires a schema") {
		t.Errorf("an empty frame: %d %s", code, stderr)
	}
}

func TestVersionAndHelp(t *testing.T) {
	if code, out, _ := command(t, "", "version"); code != 0 || len(out) < 2 {
		t.Errorf("%d %q", code, out)
	}
	if code, out, _ := command(t, "", "--help"); code != 0 || out != usage {
		t.Errorf("%d %q", code, out)
	}
}

func TestInstructionsAreSelected(t *testing.T) {
	selected := bitslice.Selected()
	defer bitslice.Select(selected)
	t.Setenv(instructionsVariable, "none")
	if code, _, stderr := command(t, "", "version"); code != 0 || bitslice.Selected() != bitslice.None {
		t.Errorf("none: %d %s, selected %s", code, stderr, bitslice.Selected())
	}
	t.Setenv(instructionsVariable, "")
	if code, _, stderr := command(t, "", "version"); code != 0 || bitslice.Selected() != bitslice.Best() {
		t.Errorf("default: %d %s, selected %s", code, stderr, bitslice.Selected())
	}
	t.Setenv(instructionsVariable, "mmx")
	code, _, stderr := command(t, "", "version")
	if want := `environment variable SCORER_SIMD: found "mmx", expected one of none, avx2, avx512`; code != 2 || !strings.HasPrefix(stderr, want) {
		t.Errorf("unknown: %d %s", code, stderr)
	}
}
