package ops_test

import (
	"os"
	"path/filepath"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/bundletest"
)

// FuzzZip reads, compiles and runs the content of arbitrary archives.
func FuzzZip(f *testing.F) {
	for _, format := range bundletest.Formats {
		for _, c := range unitCases {
			f.Add(bundletest.Zip(f, format, nil, c.stages...))
		}
	}
	goldens, _ := filepath.Glob("../../../../shared/bundle-ml/golden/*/bundle.*.zip")
	for _, path := range goldens {
		if info, err := os.Stat(path); err == nil && info.Size() < 8<<10 {
			f.Add(readFile(f, path))
		}
	}
	lim := bundle.DefaultLimits()
	lim.Archive, lim.Entry, lim.Total, lim.List, lim.Nodes = 1<<20, 1<<20, 4<<20, 10_000, 10_000
	f.Fuzz(func(t *testing.T, data []byte) {
		archive, err := bundle.Read("model.zip", data, lim)
		if err != nil {
			return
		}
		program, err := engine.Compile(archive)
		if err != nil {
			return
		}
		plan, err := program.Plan()
		if err != nil {
			t.Fatal(err)
		}
		row := plan.NewRow()
		for _, x := range []float64{0, 1, -2.5} {
			row.Reset()
			for i, c := range plan.Inputs() {
				set(t, row, i, c, x)
			}
			if row.Run() != nil {
				continue
			}
			for k := range plan.Outputs() {
				row.AppendJSON(nil, k)
			}
		}
	})
}

func set(t *testing.T, row *engine.Row, i int, c engine.Column, x float64) {
	t.Helper()
	var err error
	if c.Type.Kind == frame.List {
		err = row.SetTextList(i, []string{"a", "b c", ""})
	} else if c.Type.Kind == frame.Tensor {
		v := make([]float64, c.Width)
		for k := range v {
			v[k] = x * float64(k)
		}
		err = row.SetVector(i, v)
	} else {
		err = row.SetDouble(i, x)
	}
	if err != nil {
		t.Fatal(err)
	}
}
