package transform

import (
	"encoding/json"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/bundletest"
	_ "leapline/scorer/ops"
)

// program has inputs of every kind: a string, a nullable double, a double that is not nullable, and a vector.
func program(t testing.TB) *engine.Program {
	t.Helper()
	data := bundletest.Zip(t, "json", nil,
		bundletest.Stage{
			Name: "index", Op: "string_indexer", In: bundletest.Ports{"input", "colour"}, Out: bundletest.Ports{"output", "ci"},
			Attrs: bundletest.Attrs{"labels": []string{"red", "blue", "5.0", "7", "true"}, "handle_invalid": "keep"},
		},
		bundletest.Stage{
			Name: "impute", Op: "imputer", In: bundletest.Ports{"input", "x"}, Out: bundletest.Ports{"output", "xi"},
			Attrs: bundletest.Attrs{"surrogate_value": 0.5, "strategy": "mean"},
		},
		bundletest.Stage{
			Name: "assemble", Op: "vector_assembler", Out: bundletest.Ports{"output", "features"},
			In:    bundletest.Ports{"input0", "ci", "input1", "xi", "input2", "y", "input3", "v"},
			Attrs: bundletest.Attrs{"input_shapes": []bundletest.Shape{{}, {}, {}, {Width: 3}}},
		},
	)
	archive, err := bundle.Read("model.zip", data, bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzFrame checks that only valid JSON is accepted and that the response is valid JSON.
func FuzzFrame(f *testing.F) {
	const schema = `{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x","type":"double"},` +
		`{"name":"y","type":{"type":"basic","base":"double","isNullable":false}},{"name":"v","type":{"type":"tensor","base":"double","dimensions":[3]}}]},`
	for _, seed := range []string{
		schema + `"rows":[["red",1.5,2.0,{"values":[1,2,3],"dimensions":[3]}]]}`,
		schema + `"rows":[[null,null,null,{"indices":[[1]],"values":[2.5],"dimensions":[3]}],["\u00fc",-1e-3,0,{"values":[0,null,0],"dimensions":[3]}]]}`,
		schema + `"rows":[]}`,
		`{"rows":[[5,1,true,{"values":[1,2,3],"dimensions":[3]},[1],{"a":1},"x"]],"schema":{"fields":[{"name":"colour","type":"integer"},{"name":"x","type":"long"},` +
			`{"name":"y","type":"boolean"},{"name":"v","type":{"type":"tensor","base":"float","dimensions":[]}},` +
			`{"name":"l","type":{"type":"list","base":"double"}},{"name":"m","type":{"type":"map","key":"string","base":"double"}},{"name":"b","type":"byte_string"}]}}`,
		`{"schema":{"fields":[]},"rows":[[]]}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	tr, err := New(program(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, rows, err := tr.Append(nil, body)
		if err != nil {
			if out != nil || err.Error() == "" {
				t.Fatalf("an error and a response: %s, %v", out, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("accepted %q, which is not JSON", body)
		}
		var response struct {
			Schema struct{ Fields []any }
			Rows   [][]any
		}
		if err := json.Unmarshal(out, &response); err != nil || len(response.Rows) != rows {
			t.Fatalf("response %s: %v", out, err)
		}
		for _, row := range response.Rows {
			if len(row) != len(response.Schema.Fields) {
				t.Fatalf("row of %d values for %d columns", len(row), len(response.Schema.Fields))
			}
		}
	})
}
