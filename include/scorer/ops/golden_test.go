package ops_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	_ "leapline/scorer/ops"
	"leapline/scorer/transform"
)

// goldens returns the folder of bundles written by MLeap, with the outputs of Spark and scikit-learn for the same rows.
func goldens(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../../shared/bundle-ml/golden")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("SKIPPED: no golden bundles at %s", dir)
	}
	return dir
}

func compile(t testing.TB, path string) *engine.Program {
	t.Helper()
	archive, err := bundle.Open(path, bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

type anyFrame struct {
	Schema struct {
		Fields []struct {
			Name string
			Type any
		}
	}
	Rows [][]any
}

func decode(t testing.TB, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dense converts a leap frame's tensor to an array; other values are unchanged.
func dense(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	values := m["values"].([]any)
	indices, sparse := m["indices"].([]any)
	if !sparse {
		return values
	}
	out := make([]any, int(m["dimensions"].([]any)[0].(float64)))
	for i := range out {
		out[i] = 0.0
	}
	for k, i := range indices {
		out[int(i.([]any)[0].(float64))] = values[k]
	}
	return out
}

func isSparse(v any) bool {
	m, ok := v.(map[string]any)
	return ok && m["indices"] != nil
}

// allZero reports whether all elements are zero. Only for such vectors MLeap's representation differs: short ones are dense.
func allZero(v any) bool {
	values := v.(map[string]any)["values"].([]any)
	return !slices.ContainsFunc(values, func(x any) bool { return x != 0.0 })
}

// relativeDifference returns the largest relative difference of two values, and infinity for values of different kinds.
func relativeDifference(a, b any) float64 {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		if !ok {
			return math.Inf(1)
		}
		if x == y {
			return 0
		}
		return math.Abs(x-y) / math.Max(math.Abs(x), math.Abs(y))
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return math.Inf(1)
		}
		largest := 0.0
		for i := range x {
			largest = math.Max(largest, relativeDifference(x[i], y[i]))
		}
		return largest
	}
	if fmt.Sprint(a) == fmt.Sprint(b) {
		return 0
	}
	return math.Inf(1)
}

func TestEqualsMLeapAndSparkOnGoldenBundles(t *testing.T) {
	dir := goldens(t)
	cases, err := filepath.Glob(dir + "/*/bundle.*.zip")
	if err != nil || len(cases) < 40 {
		t.Fatalf("found %d golden bundles, %v", len(cases), err)
	}
	for _, path := range cases {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name+"/"+filepath.Base(path), func(t *testing.T) {
			input := readFile(t, filepath.Join(filepath.Dir(path), "input.json"))
			truth, err := filepath.Glob(filepath.Join(filepath.Dir(path), "s*_expected.json"))
			if err != nil || len(truth) != 1 {
				t.Fatal(truth, err)
			}
			var want []map[string]any
			decode(t, readFile(t, truth[0]), &want)
			var mleap anyFrame
			decode(t, readFile(t, filepath.Join(filepath.Dir(path), "mleap_expected.json")), &mleap)

			transformer, err := transform.New(compile(t, path))
			if err != nil {
				t.Fatal(err)
			}
			out, rows, err := transformer.Append(nil, input)
			if err != nil {
				t.Fatal(err)
			}
			var got anyFrame
			decode(t, out, &got)
			if rows != len(want) || len(got.Rows) != len(want) {
				t.Fatalf("%d rows, expected %d", len(got.Rows), len(want))
			}
			if fmt.Sprint(got.Schema) != fmt.Sprint(mleap.Schema) {
				t.Errorf("schema\n%v, MLeap has\n%v", got.Schema, mleap.Schema)
			}
			differences := map[string]float64{}
			exact := map[string]int{}
			for i, row := range got.Rows {
				for k, field := range got.Schema.Fields {
					if w, ok := want[i][field.Name]; ok {
						d := relativeDifference(dense(row[k]), w)
						differences[field.Name] = math.Max(differences[field.Name], d)
						if d == 0 {
							exact[field.Name]++
						}
					}
					if name == "scalers_pca" && strings.Contains("c d features rawPrediction probability", field.Name) {
						continue // MLeap clamps there
					}
					if a, b := isSparse(row[k]), isSparse(mleap.Rows[i][k]); a != b && !allZero(mleap.Rows[i][k]) {
						t.Fatalf("row %d, %s: sparse %t, MLeap's is %t", i, field.Name, a, b)
					}
					if d := relativeDifference(dense(row[k]), dense(mleap.Rows[i][k])); d > 1e-9 {
						t.Fatalf("row %d, %s: %v, MLeap has %v", i, field.Name, row[k], mleap.Rows[i][k])
					}
				}
			}
			for column, d := range differences {
				t.Logf("%-14s differs by at most %.1e, %d of %d rows are bitwise equal", column, d, exact[column], rows)
				if d > 1e-12 {
					t.Errorf("%s differs from Spark or scikit-learn by %.1e", column, d)
				}
			}
			if len(differences) == 0 {
				t.Error("no column was compared")
			}
		})
	}
}
