package server

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// goldenFolder contains the reference bundles. It is outside the repository.
const goldenFolder = "../../../../../shared/bundle-ml/golden"

func goldenCases(t *testing.T) []string {
	t.Helper()
	cases, err := filepath.Glob(filepath.Join(goldenFolder, "*/bundle.json.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Skipf("REFERENCE DATA ABSENT: no bundles in %s, so this test did not run", goldenFolder)
	}
	return cases
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestGoldenBundlesOverHTTP sends the rows of every reference case to /v1/predict and compares the response with the output
// of Spark or scikit-learn.
func TestGoldenBundlesOverHTTP(t *testing.T) {
	for _, path := range goldenCases(t) {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			m, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(folder, "s*_expected.json"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v %v", files, err)
			}
			var expected []map[string]any
			if err := json.Unmarshal(readFile(t, files[0]), &expected); err != nil {
				t.Fatal(err)
			}
			_, url := servingBundle(t, path)
			var columns []string
			for name := range expected[0] {
				columns = append(columns, name)
			}
			request, err := json.Marshal(map[string]any{"rows": namedRows(t, m, folder), "columns": columns})
			if err != nil {
				t.Fatal(err)
			}
			r := post(t, url+"/v1/predict", string(request))
			var got struct{ Rows []map[string]any }
			if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 || len(got.Rows) != len(expected) {
				t.Fatalf("%v, %d, %d rows: %.300s", err, r.status, len(got.Rows), r.body)
			}
			for i := range expected {
				for name, want := range expected[i] {
					if !near(got.Rows[i][name], want) {
						t.Fatalf("row %d, %s: got %v, expected %v", i, name, got.Rows[i][name], want)
					}
				}
			}
		})
	}
}

// namedRows returns the rows of a case by column name, without the columns that the model does not read.
func namedRows(t *testing.T, m *Model, folder string) []map[string]any {
	t.Helper()
	var frame struct {
		Schema struct{ Fields []struct{ Name string } }
		Rows   [][]any
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(folder, "input.json")), &frame); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for _, values := range frame.Rows {
		row := map[string]any{}
		for i, field := range frame.Schema.Fields {
			if _, ok := m.standard.index[field.Name]; ok {
				row[field.Name] = values[i]
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// near compares JSON values; numbers may differ by 1e-9, relative to the larger of 1 and the expected value.
func near(got, want any) bool {
	switch want := want.(type) {
	case float64:
		got, ok := got.(float64)
		return ok && math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !near(got[i], want[i]) {
				return false
			}
		}
		return true
	}
	return got == want
}
