package bundle_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/internal/bundletest"
)

// stages are a small pipeline with a forest.
func stages() []bundletest.Stage {
	tree := func() bundletest.Tree {
		return bundletest.Tree{
			Op: "decision_tree_classifier", Attrs: bundletest.Attrs{"num_features": bundletest.Long(2), "num_classes": bundletest.Long(2)},
			Root: &bundletest.Node{
				Feature: 1, Threshold: 0.5,
				Left:  &bundletest.Node{Leaf: []float64{3, 1}},
				Right: &bundletest.Node{Feature: 0, Of: 3, Categories: []float64{1}, Left: &bundletest.Node{Leaf: []float64{1, 1}}, Right: &bundletest.Node{Leaf: []float64{0, 4}}},
			},
		}
	}
	return []bundletest.Stage{
		{
			Name: "assemble", Op: "vector_assembler", Attrs: bundletest.Attrs{"input_shapes": []bundletest.Shape{{}, {}}},
			In: bundletest.Ports{"input0", "a", "input1", "b"}, Out: bundletest.Ports{"output", "features"},
		},
		{
			Name: "forest", Op: "random_forest_classifier",
			Attrs: bundletest.Attrs{"num_features": bundletest.Long(2), "num_classes": bundletest.Long(2), "tree_weights": []float64{1, 1}},
			Trees: []bundletest.Tree{tree(), tree()},
			In:    bundletest.Ports{"features", "features"}, Out: bundletest.Ports{"prediction", "prediction"},
		},
	}
}

// readAll reads the pipeline and every tree of a bundle.
func readAll(a *bundle.Archive) error {
	root, err := a.Root()
	if err != nil {
		return err
	}
	for _, child := range root.Children {
		if !child.Model.Has("trees") {
			continue
		}
		names, err := child.Model.Texts("trees")
		if err != nil {
			return err
		}
		trees := child.Trees()
		for _, name := range names {
			if err := trees.Read(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func open(data []byte, lim bundle.Limits) error {
	a, err := bundle.Read("model.zip", data, lim)
	if err != nil {
		return err
	}
	return readAll(a)
}

func TestBothFormatsAndDirectories(t *testing.T) {
	for _, format := range bundletest.Formats {
		files := bundletest.Files(format, map[string]string{"leapline/manifest.json": "{}", "notes/a": "x"}, stages()...)
		if err := open(bundletest.Pack(t, files), bundle.DefaultLimits()); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		dir := t.TempDir()
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a, err := bundle.Open(dir, bundle.DefaultLimits())
		if err == nil {
			err = readAll(a)
		}
		if err != nil {
			t.Errorf("%s directory: %v", format, err)
			continue
		}
		if data, ok, err := a.Extra("leapline/manifest.json"); string(data) != "{}" || !ok || err != nil {
			t.Errorf("%s directory: manifest %q, %t, %v", format, data, ok, err)
		}
		if len(a.Names()) != len(files) {
			t.Errorf("%s directory: %d files, expected %d", format, len(a.Names()), len(files))
		}
	}
}

// TestRejectsInvalidFiles changes one file of a valid bundle. Every error names the entry and the fault.
func TestRejectsInvalidFiles(t *testing.T) {
	const forest, tree0 = "root/forest.node/model.json", "root/forest.node/tree0/tree.json"
	const pb0 = "root/forest.node/tree0/tree.pb"
	cases := []struct {
		name, format, entry, text string
		want                      string
	}{
		{"no bundle.json", "json", "bundle.json", "", "model.zip: has no bundle.json"},
		{"format", "json", "bundle.json", `{"uid":"","name":"","format":"xml","version":"","timestamp":""}`, `bundle.json: format is "xml"`},
		{"missing field", "json", "bundle.json", `{"uid":"","name":"","format":"json","version":""}`, `bundle.json: has no "timestamp"`},
		{"truncated json", "json", "root/model.json", `{"op":"pipeline","attr`, "root/model.json: byte 22: unterminated string"},
		{"not json", "json", "root/model.json", `hello`, "root/model.json: byte 0: found 'h', expected an object"},
		{"trailing", "json", "root/model.json", `{"op":"pipeline","attributes":{}}}`, "root/model.json: byte 33"},
		{"no attributes", "json", "root/model.json", `{"op":"pipeline"}`, "root/model.json: has no attributes"},
		{"no op", "json", "root/model.json", `{"attributes":{}}`, "root/model.json: the model has no op"},
		{"no nodes", "json", "root/model.json", `{"op":"pipeline","attributes":{}}`, `root/model.json: op pipeline has no attribute "nodes"`},
		{"nodes of another type", "json", "root/model.json", `{"op":"pipeline","attributes":{"nodes":{"type":"list","long":[1]}}}`, `root/model.json: attribute "nodes" is list of long, expected list of string`},
		{"unknown kind", "json", "root/model.json", `{"op":"pipeline","attributes":{"nodes":{"type":"map"}}}`, `root/model.json: attribute "nodes": byte`},
		{"itself", "json", "root/model.json", nodes("../root"), `root/model.json: lists the stage "../root", which leaves the archive`},
		{"dot", "json", "root/model.json", nodes("."), `which leaves the archive`},
		{"absolute", "json", "root/model.json", nodes("/etc"), `which leaves the archive`},
		{"backslash", "json", "root/model.json", nodes(`a\\b`), `which leaves the archive`},
		{"empty name", "json", "root/model.json", nodes(""), `which leaves the archive`},
		{"duplicate stage", "json", "root/model.json", nodes(`assemble","assemble`), `lists the stage "assemble" twice`},
		{"missing stage", "json", "root/model.json", nodes("nobody"), "root/nobody.node/model.json: is missing"},
		{"no node file", "json", "root/node.json", "", "root/node.json: is missing"},
		{"node without shape", "json", "root/node.json", `{"name":"x"}`, "root/node.json: a name and a shape are required"},
		{"duplicate port", "json", "root/node.json", `{"name":"x","shape":{"inputs":[{"port":"a","name":"b"},{"port":"a","name":"c"}],"outputs":[]}}`, `root/node.json: port "a" is bound twice`},
		{"tree name leaves the archive", "json", forest, trees("../x"), forest + `: lists the tree "../x", which leaves the archive`},
		{"missing tree", "json", forest, trees("tree9"), "root/forest.node/tree9/model.json: is missing"},
		{"trees are numbers", "json", forest, `{"op":"f","attributes":{"trees":{"type":"list","double":[1]}}}`, `attribute "trees" is list of double`},
		{"empty tree", "json", tree0, "\n", tree0 + ": node 0: truncated within the tree"},
		{"truncated tree", "json", tree0, `{"type":"internal","split":{"type":"continuous","featureIndex":0,"threshold":1}}` + "\n" + `{"type":"leaf","values":[1,2]}`, tree0 + ": node 2: truncated within the tree"},
		{"truncated node", "json", tree0, `{"type":"leaf","values":[1,`, tree0 + ": node 0: byte"},
		{"leaf with a split", "json", tree0, `{"type":"leaf","split":{"type":"continuous","featureIndex":0,"threshold":1}}`, "node 0: is neither"},
		{"null threshold", "json", tree0, `{"type":"internal","split":{"type":"continuous","featureIndex":0,"threshold":null}}`, "node 0: threshold is NaN"},
		{"negative feature", "json", tree0, `{"type":"internal","split":{"type":"continuous","featureIndex":-1,"threshold":1}}`, "node 0: byte"},
		{"category out of range", "json", tree0, `{"type":"internal","split":{"type":"categorical","featureIndex":0,"isLeft":true,"numCategories":2,"categories":[2]}}`, "node 0: category 2 is not an integer below 2"},
		{"fraction category", "json", tree0, `{"type":"internal","split":{"type":"categorical","featureIndex":0,"isLeft":true,"numCategories":2,"categories":[0.5]}}`, "node 0: category 0.5 is not an integer below 2"},
		{"NaN text", "json", tree0, `{"type":"leaf","values":["NaN"]}`, "node 0: byte"},
		{"truncated proto", "protobuf", "root/model.pb", "\x0a\x08pipe", "root/model.pb: truncated or not a protobuf message"},
		{"proto wire type", "protobuf", "root/model.pb", "\x0d\x00\x00\x00\x00", "root/model.pb: field 1 has wire type 5, expected 2"},
		{"proto group", "protobuf", "root/model.pb", "\x0b", "root/model.pb: truncated or not a protobuf message"},
		{"proto length", "protobuf", "root/model.pb", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "root/model.pb: truncated or not a protobuf message"},
		{"proto text", "protobuf", "root/model.pb", "\x0a\x02\xff\xfe", "root/model.pb: string is not valid UTF-8"},
		{"proto empty", "protobuf", "root/model.pb", " ", "root/model.pb: truncated or not a protobuf message"},
		{"tree record beyond the file", "protobuf", pb0, "\x7f\xff\xff\xff\x00", pb0 + ": node 0: record of 2147483647 bytes, but 1 bytes remain"},
		{"negative record", "protobuf", pb0, "\xff\xff\xff\xff\x00", pb0 + ": node 0: record of 4294967295 bytes"},
		{"truncated length", "protobuf", pb0, "\x00\x00", pb0 + ": node 0: truncated within the tree"},
		{"empty record", "protobuf", pb0, "\x00\x00\x00\x00", pb0 + ": node 0: is neither"},
		{"leaf and split", "protobuf", pb0, "\x00\x00\x00\x04\x12\x00\x0a\x00", pb0 + ": node 0: is neither"},
		{"split without a kind", "protobuf", pb0, "\x00\x00\x00\x04\x0a\x02\x0a\x00", pb0 + ": node 0: is neither"},
		{"NaN threshold", "protobuf", pb0, "\x00\x00\x00\x0f\x0a\x0d\x0a\x0b\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x7f", pb0 + ": node 0: threshold"},
		{"values of nine bytes", "protobuf", pb0, "\x00\x00\x00\x0d\x12\x0b\x0a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00", pb0 + ": node 0: truncated"},
	}
	for _, c := range cases {
		t.Run(c.format+" "+c.name, func(t *testing.T) {
			files := bundletest.Files(c.format, nil, stages()...)
			if files[c.entry] = c.text; c.text == "" {
				delete(files, c.entry)
			}
			err := open(bundletest.Pack(t, files), bundle.DefaultLimits())
			var named *bundle.Error
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &named) {
				t.Fatalf("got %v\nexpected %s", err, c.want)
			}
		})
	}
}

func nodes(name string) string {
	return `{"op":"pipeline","attributes":{"nodes":{"type":"list","string":["` + name + `"]}}}`
}

func trees(name string) string {
	return `{"op":"random_forest_classifier","attributes":{"trees":{"type":"list","string":["` + name + `"]}}}`
}

// TestRejectsAttributesOfAnotherType reads each attribute as every type.
func TestRejectsAttributesOfAnotherType(t *testing.T) {
	attrs := bundletest.Attrs{
		"a_boolean": true, "a_string": "x", "an_int": bundletest.Int(1), "a_long": bundletest.Long(14), "a_double": 1.5,
		"a_data_shape": bundletest.Shape{}, "strings": []string{"x"}, "ints": bundletest.Ints{1}, "longs": []int64{1},
		"doubles": []float64{1}, "data_shapes": []bundletest.Shape{{}}, "tensors": []bundletest.Tensor{{Dims: []int{1}, Values: []float64{1}}},
		"vector": bundletest.Tensor{Dims: []int{2}, Values: []float64{1, 2}},
	}
	for _, format := range bundletest.Formats {
		a, err := bundle.Read("model.zip", bundletest.Zip(t, format, nil, bundletest.Stage{Name: "s", Op: "any", Attrs: attrs}), bundle.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		m, err := a.Model("root/s.node")
		if err != nil {
			t.Fatal(err)
		}
		getters := map[string]func(string) error{
			"a_boolean":    func(n string) error { _, err := m.Bool(n); return err },
			"a_string":     func(n string) error { _, err := m.Text(n); return err },
			"an_int":       func(n string) error { _, err := m.Int(n); return err },
			"a_long":       func(n string) error { _, err := m.Long(n); return err },
			"a_double":     func(n string) error { _, err := m.Double(n); return err },
			"a_data_shape": func(n string) error { _, err := m.Shape(n); return err },
			"strings":      func(n string) error { _, err := m.Texts(n); return err },
			"ints":         func(n string) error { _, err := m.Ints(n); return err },
			"longs":        func(n string) error { _, err := m.Longs(n); return err },
			"doubles":      func(n string) error { _, err := m.Doubles(n); return err },
			"data_shapes":  func(n string) error { _, err := m.Shapes(n); return err },
			"tensors":      func(n string) error { _, err := m.Tensors(n); return err },
			"vector":       func(n string) error { _, err := m.Vector(n); return err },
		}
		for name := range attrs {
			for typ, get := range getters {
				err := get(name)
				if (err == nil) != (name == typ) {
					t.Errorf("%s: %s read as %s: %v", format, name, typ, err)
				}
				if err != nil && !strings.Contains(err.Error(), `root/s.node/model.`) {
					t.Errorf("%s: %v does not name the entry", format, err)
				}
			}
		}
		if _, _, _, err := m.Matrix("vector"); err == nil {
			t.Errorf("%s: a vector was read as a matrix", format)
		}
	}
}

func TestDefaultValuesMatchEveryType(t *testing.T) {
	files := bundletest.Files("json", nil, stages()...)
	files["root/x/model.json"] = `{"op":"x","attributes":{"v":{},"l":{"type":"list"}}}`
	a, err := bundle.Read("model.zip", bundletest.Pack(t, files), bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.Model("root/x")
	if err != nil {
		t.Fatal(err)
	}
	if x, err := m.Double("v"); x != 0 || err != nil {
		t.Error(x, err)
	}
	if x, err := m.Bool("v"); x || err != nil {
		t.Error(x, err)
	}
	if x, err := m.Texts("l"); len(x) != 0 || err != nil {
		t.Error(x, err)
	}
	if _, err := m.Doubles("v"); err == nil {
		t.Error("a default scalar was read as a list")
	}
}

func TestRejectsInvalidAttributes(t *testing.T) {
	for text, want := range map[string]string{
		`{"v":{"long":1,"int":1}}`:                        "both long and int",
		`{"v":{"long":1.0}}`:                              "not a whole number",
		`{"v":{"int":2147483648}}`:                        "does not fit 32 bits",
		`{"v":{"double":"NaN"}}`:                          "expected a number",
		`{"v":{"double":1e999}}`:                          "out of range for a double",
		`{"v":{"long":1},"v":{}}`:                         `attribute "v" is duplicated`,
		`{"v":{"type":"list","double":1}}`:                "expected an array",
		`{"v":{"type":"tensor","double":[1]}}`:            "tensor has no shape",
		`{"v":{"type":"tensor","double":[1],"shape":{}}}`: "shape has no dimensions",
		`{"v":{"type":"tensor","double":[1],"shape":{"dimensions":[{"name":""}]}}}`:                  "dimension has no size",
		`{"v":{"type":"tensor","double":[1],"shape":{"dimensions":[{"size":2,"name":""}]}}}`:         "dimensions [2] require 2 values, found 1",
		`{"v":{"type":"tensor","double":[1],"shape":{"dimensions":[{"size":-1,"name":""}]}}}`:        "contain a negative size",
		`{"v":{"type":"tensor","double":[],"shape":{"dimensions":[{"size":99999},{"size":99999}]}}}`: "exceed the limit of",
		`{"v":{"data_shape":{"base":"cube","isNullable":true}}}`:                                     "expected scalar, list or tensor",
		`{"v":{"model":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`:                "nested too deeply",
		`{"v":{"double":01}}`:            "expected a number",
		"{\"v\":{\"string\":\"a\x01\"}}": "control character",
	} {
		files := bundletest.Files("json", nil, stages()...)
		files["root/x/model.json"] = `{"op":"x","attributes":` + text + `}`
		a, err := bundle.Read("model.zip", bundletest.Pack(t, files), bundle.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Model("root/x"); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "root/x/model.json") {
			t.Errorf("%s: got %v, expected %s", text, err, want)
		}
	}
}

// TestRejectsBundlesAboveEachLimit lowers one limit at a time below what the bundle requires.
func TestRejectsBundlesAboveEachLimit(t *testing.T) {
	for _, format := range bundletest.Formats {
		data := bundletest.Zip(t, format, nil, stages()...)
		for name, lower := range map[string]func(*bundle.Limits){
			"has":                            func(l *bundle.Limits) { l.Archive = 100 },
			"entries":                        func(l *bundle.Limits) { l.Entries = 3 },
			"the limit per entry":            func(l *bundle.Limits) { l.Entry = 50 },
			"decompressed bytes":             func(l *bundle.Limits) { l.Total = 500 },
			"nested deeper than 0 pipelines": func(l *bundle.Limits) { l.Nesting = 0 },
			"stages":                         func(l *bundle.Limits) { l.Stages = 2 },
			"deeper than":                    func(l *bundle.Limits) { l.Depth = 1 },
			"exceeds the limit of 4 nodes":   func(l *bundle.Limits) { l.Nodes = 4 },
			"archive's limit of 7":           func(l *bundle.Limits) { l.Nodes = 7 },
			"1 elements":                     func(l *bundle.Limits) { l.List = 1 },
			"string of":                      func(l *bundle.Limits) { l.Text = 8 },
		} {
			lim := bundle.DefaultLimits()
			lower(&lim)
			if err := open(data, lim); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got %v, expected %q", format, err, name)
			}
		}
	}
}

// withEntry returns the zip of a valid bundle with one more entry.
func withEntry(t *testing.T, header *zip.FileHeader, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range bundletest.Files("json", nil, stages()...) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.CreateHeader(header)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRejectsInvalidZips(t *testing.T) {
	valid := bundletest.Zip(t, "json", nil, stages()...)
	bomb := strings.Repeat("a", 20<<20)
	corrupt := bytes.Clone(valid)
	corrupt[bytes.Index(corrupt, []byte("PK\x03\x04"))+45] ^= 0xff
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":     {nil, "model.zip: is empty"},
		"text":      {[]byte("hello"), "model.zip: is not a complete zip"},
		"truncated": {valid[:len(valid)-30], "model.zip: is not a complete zip"},
		"escape":    {withEntry(t, &zip.FileHeader{Name: "../evil"}, "x"), `entry "../evil": leaves the archive`},
		"absolute":  {withEntry(t, &zip.FileHeader{Name: "/evil"}, "x"), "leaves the archive"},
		"backslash": {withEntry(t, &zip.FileHeader{Name: `a\b`}, "x"), "leaves the archive"},
		"duplicate": {withEntry(t, &zip.FileHeader{Name: "bundle.json"}, "x"), "bundle.json: is duplicated in the zip"},
		"bomb":      {withEntry(t, &zip.FileHeader{Name: "a", Method: zip.Deflate}, bomb), "a: expands"},
		"corrupt":   {corrupt, "corrupt"},
		"encrypted": {withEntry(t, &zip.FileHeader{Name: "a", Flags: 1}, "x"), "a: is encrypted"},
	} {
		if err := open(c.data, bundle.DefaultLimits()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, expected %q", name, err, c.want)
		}
	}
}

// TestRejectsTruncatedFiles truncates each file of a bundle at many places.
func TestRejectsTruncatedFiles(t *testing.T) {
	for _, format := range bundletest.Formats {
		files := bundletest.Files(format, nil, stages()...)
		for name, text := range files {
			for n := 0; n < len(text)-1; n += 1 + len(text)/40 {
				truncated := maps.Clone(files)
				truncated[name] = text[:n]
				err := open(bundletest.Pack(t, truncated), bundle.DefaultLimits())
				if err == nil && format == "json" {
					t.Fatalf("%s truncated to %q was accepted", name, text[:n])
				}
			}
		}
	}
}

func TestOpenRejectsOtherPaths(t *testing.T) {
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.zip"): "cannot be opened: no such file",
		t.TempDir():                            "has no bundle.json",
		os.DevNull:                             "is neither a file nor a directory",
	} {
		if _, err := bundle.Open(path, bundle.DefaultLimits()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %s", path, err, want)
		}
	}
}

// TestSymbolicLinksAreNotFollowed checks that a directory cannot make the reader open files outside of it.
func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte(`{"uid":"","name":"","format":"json","version":"","timestamp":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "bundle.json")); err != nil {
		t.Skip(err)
	}
	if _, err := bundle.Open(dir, bundle.DefaultLimits()); err == nil || !strings.Contains(err.Error(), "has no bundle.json") {
		t.Errorf("followed a link: %v", err)
	}
}
