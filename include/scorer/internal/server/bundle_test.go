package server

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// zipBundle writes a JSON bundle of one pipeline; files holds more entries, or replaces some.
func zipBundle(t testing.TB, stages []stage, files map[string]string) string {
	t.Helper()
	entries := map[string]string{
		"bundle.json":    `{"uid":"7f2c0a52-9d5e-4c36-8f2b-0a1f4f0a9d11","name":"test","format":"json","version":"0.25.2","timestamp":"2026-03-01T00:00"}`,
		"root/node.json": `{"name":"root","shape":{"inputs":[],"outputs":[]}}`,
	}
	var names string
	for i, s := range stages {
		if i > 0 {
			names += ","
		}
		names += fmt.Sprintf("%q", s.name)
		entries["root/"+s.name+".node/node.json"] = s.node
		entries["root/"+s.name+".node/model.json"] = s.model
	}
	entries["root/model.json"] = `{"op":"pipeline","attributes":{"nodes":{"type":"list","string":[` + names + `]}}}`
	for name, text := range files {
		entries[name] = text
	}
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for name, text := range entries {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, buffer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// stage is one child of the pipeline.
type stage struct{ name, node, model string }

// shape is a node file.
func shape(name, inputs, outputs string) string {
	return fmt.Sprintf(`{"name":%q,"shape":{"inputs":[%s],"outputs":[%s]}}`, name, inputs, outputs)
}

// socket is one port in a node file.
func socket(port, column string) string {
	return fmt.Sprintf(`{"port":%q,"name":%q}`, port, column)
}

// buyStages are a pipeline of the size of a test: colour (a string, null and unseen allowed) and x0 become a vector, a
// logistic regression makes rawPrediction, probability and prediction of it.
func buyStages() []stage {
	return []stage{
		{"index", shape("index", socket("input", "colour"), socket("output", "colour_index")),
			`{"op":"string_indexer","attributes":{"labels_length":{"int":1},"labels_array_0":{"type":"list","string":["red","blue"]},"handle_invalid":{"string":"keep"}}}`},
		{"assemble", shape("assemble", socket("input0", "colour_index")+","+socket("input1", "x0"), socket("output", "features")),
			`{"op":"vector_assembler","attributes":{"input_shapes":{"type":"list","data_shape":[{"base":"scalar","isNullable":false},{"base":"scalar","isNullable":false}]}}}`},
		{"logistic", shape("logistic", socket("features", "features"),
			socket("raw_prediction", "rawPrediction")+","+socket("probability", "probability")+","+socket("prediction", "prediction")),
			`{"op":"logistic_regression","attributes":{"num_classes":{"long":2},"coefficients":{"type":"tensor","double":[0.5,-1.25],"shape":{"dimensions":[{"size":2,"name":""}]}},"intercept":{"double":0.25},"threshold":{"double":0.5}}}`},
	}
}

const testManifest = `{"manifest_version":1,"data_day":"2026-03-01","threshold":0.3,
	"calibration":{"kind":"odds","factor":0.5},"metrics":{"roc_auc":0.9},"label":"buy"}`

func buyBundle(t testing.TB) string {
	return zipBundle(t, buyStages(), map[string]string{manifestEntry: testManifest})
}
