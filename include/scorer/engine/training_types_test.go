package engine_test

import (
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/frame"
	bt "leapline/scorer/internal/bundletest"
)

func compileWithTypes(t *testing.T, types string) (*engine.Program, error) {
	t.Helper()
	indexer := bt.Stage{
		Name: "i", Op: "string_indexer", In: bt.Ports{"input0", "n", "input1", "x", "input2", "s"},
		Out: bt.Ports{"output0", "ni", "output1", "xi", "output2", "si"},
		Attrs: bt.Attrs{
			"labels_length": bt.Int(3), "labels_array_0": []string{"5", "7"}, "labels_array_1": []string{"5.0", "7.5"},
			"labels_array_2": []string{"5", "7"},
		},
	}
	files := map[string]string{"leapline/columns.json": types}
	archive, err := bundle.Read("model.zip", bt.Zip(t, "json", files, indexer), bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return engine.Compile(archive)
}

func TestFormatsNumbersInTheirTrainingType(t *testing.T) {
	p, err := compileWithTypes(t, `{"columns":{"n":"int","x":"double","s":"string"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []frame.Base{frame.Double, frame.Double, frame.String} {
		if c := p.Inputs()[i]; c.Type.Base != want {
			t.Errorf("column %s is a %s, expected %s", c.Name, c.Type, want)
		}
	}
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	for name, set := range map[string]func(i int) error{
		"double": func(i int) error { return row.SetDouble(i, 5) },
		"float":  func(i int) error { return row.SetFloat(i, 5) },
		"long":   func(i int) error { return row.SetLong(i, 5) },
		"string": func(i int) error { return row.SetText(i, "5") },
	} {
		row.Reset()
		for i := range 2 {
			if err := set(i); err != nil {
				t.Fatal(name, err)
			}
		}
		if err := row.SetText(2, "7"); err != nil {
			t.Fatal(name, err)
		}
		if err := row.Run(); err != nil || row.Double(0) != 0 || row.Double(1) != 0 || row.Double(2) != 1 {
			t.Error(name, row.Double(0), row.Double(1), row.Double(2), err)
		}
	}
	row.Reset()
	if row.SetDouble(0, 5.5) != nil || row.SetDouble(1, 5) != nil || row.SetText(2, "5") != nil || row.Run() == nil {
		t.Error("5.5 is a label of an integer column")
	}
}

func TestRejectsInvalidTrainingTypes(t *testing.T) {
	if _, err := compileWithTypes(t, `{"columns":[]}`); err == nil || !strings.Contains(err.Error(), "leapline/columns.json") {
		t.Error(err)
	}
}
