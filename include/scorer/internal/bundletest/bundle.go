// Package bundletest writes small bundles for tests, in both formats of Bundle.ML. It shares no code with the reader.
package bundletest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"testing"
)

// Stage is one node of a pipeline.
type Stage struct {
	Name    string
	Op      string
	Attrs   Attrs
	In, Out Ports
	Tree    *Node           // tree of a single-tree model
	Trees   []Tree          // trees of an ensemble, written to one folder each
	Cluster []ClusterRecord // cluster tree
	Models  []Stage         // models of a one_vs_rest, written to one folder each
}

// Ports alternates ports and the columns bound to them.
type Ports []string

// Attrs maps attribute names to values of the types below, or string, float64, bool, []string, []float64 or []int64.
type Attrs map[string]any

// The integer types of Bundle.ML. A []int64 is a list of long.
type (
	// Int is an int.
	Int int32
	// Long is a long.
	Long int64
	// Ints is a list of int.
	Ints []int32
	// BasicTypes is a list of basic_type.
	BasicTypes []string
)

// Tensor is a dense tensor of doubles. A matrix is stored column by column.
type Tensor struct {
	Dims   []int
	Values []float64
}

// Shape is a data_shape: a vector if Width is positive, else a scalar.
type Shape struct {
	Width    int
	Nullable bool
}

// Tree is a tree of an ensemble.
type Tree struct {
	Op    string
	Attrs Attrs
	Root  *Node
}

// Node is a node of a tree: a leaf if Left is nil, a categorical split if Of is positive, else a continuous split.
type Node struct {
	Leaf        []float64
	Feature     int
	Threshold   float64
	Of          int       // number of categories
	Categories  []float64 // categories that go left if IsLeft, else right
	IsLeft      bool
	Left, Right *Node
}

// ClusterRecord is a record of a cluster tree.
type ClusterRecord struct {
	Index, Children int
	Centre          []float64
}

// Formats lists the two formats of Bundle.ML.
var Formats = []string{"json", "protobuf"}

// Zip returns the zip of a pipeline of stages, with extra files.
func Zip(t testing.TB, format string, extra map[string]string, stages ...Stage) []byte {
	t.Helper()
	return Pack(t, Files(format, extra, stages...))
}

// Pack returns the zip of files, sorted by name.
func Pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Files returns the content of a bundle's files by path.
func Files(format string, extra map[string]string, stages ...Stage) map[string]string {
	f := files{format: format, out: map[string]string{}}
	info := map[string]string{
		"uid": "7b47edb1-9bb5-4b5d-9c6c-9fae3bd9d8c5", "name": "test", "format": format, "version": "0.25.2", "timestamp": "",
	}
	text, err := json.Marshal(info)
	if err != nil {
		panic(err)
	}
	f.out["bundle.json"] = string(text)
	names := []string{}
	for _, s := range stages {
		names = append(names, s.Name)
		f.stage("root/"+s.Name+".node", s)
	}
	f.model("root", "pipeline", Attrs{"nodes": names})
	f.node("root", Stage{Name: "pipeline"})
	maps.Copy(f.out, extra)
	return f.out
}

type files struct {
	format string
	out    map[string]string
}

func (f files) put(dir, name string, asJSON any, asProto []byte) {
	if f.format == "json" {
		text, err := json.Marshal(asJSON)
		if err != nil {
			panic(err)
		}
		f.out[path.Join(dir, name+".json")] = string(text)
		return
	}
	f.out[path.Join(dir, name+".pb")] = string(asProto)
}

func (f files) stage(dir string, s Stage) {
	attrs := maps.Clone(s.Attrs)
	if attrs == nil {
		attrs = Attrs{}
	}
	if s.Trees != nil {
		var names []string
		for i, t := range s.Trees {
			names = append(names, fmt.Sprintf("tree%d", i))
			sub := path.Join(dir, names[i])
			f.model(sub, t.Op, t.Attrs)
			f.tree(sub, t.Root)
		}
		attrs["trees"] = names
	}
	for i, m := range s.Models {
		f.model(path.Join(dir, fmt.Sprintf("model%d", i)), m.Op, m.Attrs)
	}
	if s.Tree != nil {
		f.tree(dir, s.Tree)
	}
	if s.Cluster != nil {
		f.cluster(dir, s.Cluster)
	}
	f.model(dir, s.Op, attrs)
	f.node(dir, s)
}

func (f files) node(dir string, s Stage) {
	type socket struct {
		Port string `json:"port"`
		Name string `json:"name"`
	}
	sides := [2][]socket{{}, {}}
	var shape []byte
	for side, ports := range []Ports{s.In, s.Out} {
		for i := 0; i < len(ports); i += 2 {
			sides[side] = append(sides[side], socket{ports[i], ports[i+1]})
			shape = append(shape, field(side+1, append(text(1, ports[i]), text(2, ports[i+1])...))...)
		}
	}
	f.put(dir, "node", map[string]any{
		"name": s.Name, "shape": map[string]any{"inputs": sides[0], "outputs": sides[1]},
	}, append(text(1, s.Name), field(2, shape)...))
}

func (f files) model(dir, op string, attrs Attrs) {
	values := map[string]any{}
	var list []byte
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		value, proto := encodeAttribute(attrs[name])
		values[name] = value
		list = append(list, field(1, append(text(1, name), field(2, proto)...))...)
	}
	f.put(dir, "model", map[string]any{"op": op, "attributes": values}, append(text(1, op), field(2, list)...))
}

// field returns a length-delimited protobuf field.
func field(num int, data []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(num)<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

func text(num int, s string) []byte { return field(num, []byte(s)) }

func number(num int, n uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(num)<<3), n)
}

func double(num int, x float64) []byte {
	return append(binary.AppendUvarint(nil, uint64(num)<<3|1), doubles([]float64{x}, binary.LittleEndian)...)
}

func doubles(values []float64, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, x := range values {
		b = order.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// nullable converts NaN and infinities to null, as in JSON bundles.
func nullable(values []float64) []any {
	out := []any{}
	for _, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			out = append(out, nil)
		} else {
			out = append(out, x)
		}
	}
	return out
}
