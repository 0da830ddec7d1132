package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leapline/scorer/features"
	bt "leapline/scorer/internal/bundletest"
)

// defaultSizeBundle writes an archive of the size that a nightly run produces: the default feature spec, indexed, assembled,
// and a forest of 60 trees of depth 10.
func defaultSizeBundle(t testing.TB) string {
	t.Helper()
	text := readFile(t, "../../../leapline/features/default_features.json")
	spec, err := features.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	index := bt.Stage{Name: "index", Op: "string_indexer", Attrs: bt.Attrs{"handle_invalid": "keep"}}
	assemble := bt.Stage{Name: "assemble", Op: "vector_assembler", Out: bt.Ports{"output", "features"}}
	shapes, labels := []bt.Shape{}, 0
	for _, f := range spec.Features {
		column := f.Name
		if f.Category {
			column = f.Name + "_index"
			index.Attrs[fmt.Sprintf("labels_array_%d", labels)] = []string{"Computer", "Mobile", "Tablet", "search", "social"}
			index.In = append(index.In, fmt.Sprintf("input%d", labels), f.Name)
			index.Out = append(index.Out, fmt.Sprintf("output%d", labels), column)
			labels++
		}
		assemble.In = append(assemble.In, fmt.Sprintf("input%d", len(shapes)), column)
		shapes = append(shapes, bt.Shape{})
	}
	index.Attrs["labels_length"] = bt.Int(labels)
	assemble.Attrs = bt.Attrs{"input_shapes": shapes}
	extra := map[string]string{
		featuresEntry: string(text), manifestEntry: string(readFile(t, buyFolder+"/"+manifestEntry)),
	}
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, bt.Zip(t, "protobuf", extra, index, assemble, forestStage(len(shapes))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func forestStage(width int) bt.Stage {
	r := rand.New(rand.NewPCG(5, 6))
	size := bt.Attrs{"num_features": bt.Long(width), "num_classes": bt.Long(2)}
	forest := bt.Stage{
		Name: "forest", Op: "random_forest_classifier", In: bt.Ports{"features", "features"},
		Out:   bt.Ports{"raw_prediction", "rawPrediction", "probability", "probability", "prediction", "prediction"},
		Attrs: bt.Attrs{"num_features": bt.Long(width), "num_classes": bt.Long(2)},
	}
	weights := []float64{}
	for range 60 {
		forest.Trees = append(forest.Trees, bt.Tree{Op: "decision_tree_classifier", Attrs: size, Root: growTree(r, width, 10)})
		weights = append(weights, 1)
	}
	forest.Attrs["tree_weights"] = weights
	return forest
}

func growTree(r *rand.Rand, width, depth int) *bt.Node {
	if depth == 0 {
		return &bt.Node{Leaf: []float64{float64(1 + r.IntN(50)), float64(1 + r.IntN(50))}}
	}
	return &bt.Node{
		Feature: r.IntN(width), Threshold: float64(r.IntN(40)) / 2, Left: growTree(r, width, depth-1), Right: growTree(r, width, depth-1),
	}
}

// fiftyEvents returns a request to score one session with 50 events on 12 items.
func fiftyEvents() string {
	var events []string
	for i := range 50 {
		event := fmt.Sprintf(`{"event_id":"%08x-0000-4000-8000-000000000000","ts":"2026-03-14T09:%02d:%02d.%03dZ",`, i*7919, i/2, i, i*17)
		switch {
		case i%5 == 4:
			event += `"kind":"page_ping"}`
		case i%7 == 0:
			event += `"kind":"page_view","page":"category","category":"shoes"}`
		default:
			event += fmt.Sprintf(`"kind":"item_view","page":"item","item":"SKU-%05d","category":"cat-%d","price":%d.99}`, i%12, i%4, i%12)
		}
		events = append(events, event)
	}
	return `{"session":{"session":"7b47edb1","device":"Mobile","referrer":"search","session_index":3,"events":[` + strings.Join(events, ",") + `]}}`
}

func TestScoreDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	s, _ := servingBundle(t, defaultSizeBundle(t))
	p := newReplay("/v1/score", fiftyEvents())
	if status := p.send(s); status != 200 {
		t.Fatal(status)
	}
	if got := testing.AllocsPerRun(200, func() { p.send(s) }); got > 0 {
		t.Errorf("%v allocations", got)
	}
}

// BenchmarkScore50Events measures a complete request, from its JSON to the response.
func BenchmarkScore50Events(b *testing.B) {
	s, _ := servingBundle(b, defaultSizeBundle(b))
	p := newReplay("/v1/score", fiftyEvents())
	b.SetBytes(int64(len(p.text)))
	b.ReportAllocs()
	for b.Loop() {
		p.send(s)
	}
}
