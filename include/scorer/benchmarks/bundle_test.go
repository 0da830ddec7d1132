package benchmarks

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	bt "leapline/scorer/internal/bundletest"
	_ "leapline/scorer/ops"
)

const (
	numTrees    = 850
	numFeatures = 20
	depth       = 10
)

// largeBundle returns a protobuf bundle with a forest of numTrees trees, or the bundle at SCORER_BUNDLE.
var largeBundle = sync.OnceValue(func() []byte {
	if path := os.Getenv("SCORER_BUNDLE"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		return data
	}
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	stages := []bt.Stage{{
		Name: "assemble", Op: "vector_assembler", Out: bt.Ports{"output", "features"},
		Attrs: bt.Attrs{"input_shapes": make([]bt.Shape, numFeatures)},
	}, {
		Name: "forest", Op: "random_forest_classifier", In: bt.Ports{"features", "features"}, Out: bt.Ports{"probability", "p"},
		Attrs: bt.Attrs{"num_features": bt.Long(numFeatures), "num_classes": bt.Long(2), "tree_weights": make([]float64, numTrees)},
	}}
	for i := range numFeatures {
		stages[0].In = append(stages[0].In, fmt.Sprintf("input%d", i), fmt.Sprintf("x%d", i))
	}
	attrs := bt.Attrs{"num_features": bt.Long(numFeatures), "num_classes": bt.Long(2)}
	for range numTrees {
		tree := bt.Tree{Op: "decision_tree_classifier", Attrs: attrs, Root: g.tree(depth)}
		stages[1].Trees = append(stages[1].Trees, tree)
	}
	return bt.Pack(&panicTB{}, bt.Files("protobuf", nil, stages...))
})

// panicTB lets test helpers be used outside of a test.
type panicTB struct{ testing.TB }

func (*panicTB) Helper()           {}
func (*panicTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// generator generates trees like Spark's: up to 31 distinct thresholds per feature, and class weights as leaves.
type generator struct {
	*rand.Rand
	thresholds [numFeatures][31]float64
}

func (g *generator) tree(depth int) *bt.Node {
	if g.thresholds[0][0] == 0 {
		for i := range g.thresholds {
			for k := range g.thresholds[i] {
				g.thresholds[i][k] = math.Sqrt2*math.Erfinv(float64(k+1)/16-1) + g.NormFloat64()/50
			}
		}
	}
	if depth == 0 || (depth < 8 && g.IntN(9) == 0) {
		weight := float64(1 + g.IntN(80))
		return &bt.Node{Leaf: []float64{weight, float64(g.IntN(80))}}
	}
	feature := g.IntN(numFeatures)
	return &bt.Node{
		Feature: feature, Threshold: g.thresholds[feature][g.IntN(31)], Left: g.tree(depth - 1), Right: g.tree(depth - 1),
	}
}

// load reads and compiles a bundle.
func load(data []byte) error {
	archive, err := bundle.Read("model.zip", data, bundle.DefaultLimits())
	if err == nil {
		_, err = engine.Compile(archive)
	}
	return err
}

// stored returns the bundle without compression.
func stored(b *testing.B) []byte {
	reader, err := zip.NewReader(bytes.NewReader(largeBundle()), int64(len(largeBundle())))
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for _, f := range reader.File {
		if err := store(writer, f); err != nil {
			b.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func store(writer *zip.Writer, f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := writer.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return err
}

// entry is a compressed file of the bundle.
type entry struct {
	name       string
	compressed []byte
	size       int
}

// entries returns the compressed files of the bundle.
func entries(b *testing.B) (list []entry) {
	data := largeBundle()
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range reader.File {
		offset, err := f.DataOffset()
		if err != nil {
			b.Fatal(err)
		}
		if f.Method == zip.Deflate {
			content := data[offset : offset+int64(f.CompressedSize64)]
			list = append(list, entry{f.Name, content, int(f.UncompressedSize64)})
		}
	}
	return list
}

// treeFiles returns the decompressed trees of the bundle.
func treeFiles(b *testing.B) (files [][]byte) {
	archive, err := bundle.Read("model.zip", largeBundle(), bundle.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range archive.Names() {
		if strings.HasSuffix(name, "/tree.pb") {
			data, _, err := archive.Extra(name)
			if err != nil {
				b.Fatal(err)
			}
			files = append(files, data)
		}
	}
	return files
}
