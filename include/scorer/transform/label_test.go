package transform

import (
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/bundletest"
)

// TestInputsThatFinalOutputsDoNotNeedAreOptional transforms frames with and without the label of a pipeline that was trained
// with an indexed label.
func TestInputsThatFinalOutputsDoNotNeedAreOptional(t *testing.T) {
	data := bundletest.Zip(t, "json", nil,
		bundletest.Stage{
			Name: "label", Op: "string_indexer", In: bundletest.Ports{"input", "target"}, Out: bundletest.Ports{"output", "label"},
			Attrs: bundletest.Attrs{"labels": []string{"no", "yes"}, "handle_invalid": "error"},
		},
		bundletest.Stage{
			Name: "impute", Op: "imputer", In: bundletest.Ports{"input", "x"}, Out: bundletest.Ports{"output", "filled"},
			Attrs: bundletest.Attrs{"surrogate_value": 0.5, "strategy": "mean"},
		},
	)
	archive, err := bundle.Read("model.zip", data, bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(program)
	if err != nil {
		t.Fatal(err)
	}
	const x, target = `{"name":"x","type":"double"}`, `{"name":"target","type":"string"}`
	frame := func(fields, rows string) string {
		return `{"schema":{"fields":[` + fields + `]},"rows":[` + rows + `]}`
	}
	for _, c := range []struct{ frame, names, row string }{
		{frame(x, `[2.0]`), `"filled"`, `[2.0,2.0]`},
		{frame(x+`,`+target, `[2.0,"yes"]`), `"label"`, `[2.0,"yes",1.0,2.0]`},
		{frame(x, `[null]`), `"filled"`, `[null,0.5]`},
	} {
		out, _, err := tr.Append(nil, []byte(c.frame))
		if err != nil || !strings.Contains(string(out), c.names) || !strings.Contains(string(out), `"rows":[`+c.row+`]`) {
			t.Errorf("%s: %s, %v", c.frame, out, err)
		}
	}
	if _, _, err := tr.Append(nil, []byte(frame(target, `["yes"]`))); err == nil || !strings.Contains(err.Error(), `column "x" (double?) is missing`) {
		t.Errorf("without x: %v", err)
	}
}
