package ops

import (
	"fmt"
	"slices"

	"leapline/scorer/engine"
)

// vector_indexer replaces the values of categorical features by their category's index. With handle_invalid "keep" a value
// without a category has the index after the last one; otherwise it is rejected.
func init() { engine.Register("vector_indexer", newVectorIndexer) }

type vectorIndexer struct {
	in       engine.Vector
	out      engine.VectorOut
	features []indexedFeature
	keep     bool
}

type indexedFeature struct {
	at     int
	values map[float64]float64
}

func newVectorIndexer(s *engine.Stage) engine.Step {
	n := s.Size("num_features", maxCategories)
	t := vectorIndexer{keep: handleInvalid(s, "error", "skip", "keep") == "keep"}
	keys := slices.Sorted(slices.Values(s.Longs("keys")))
	for i, key := range keys {
		if key < 0 || key >= int64(n) || (i > 0 && keys[i-1] == key) {
			s.Fail("attribute \"keys\" has feature %d, expected distinct features below num_features, %d", key, n)
			return nil
		}
		from, to := s.Floats(fmt.Sprintf("key_%d_keys", key)), s.Longs(fmt.Sprintf("key_%d_values", key))
		if len(from) != len(to) {
			s.Fail("feature %d has %d values for %d indices", key, len(from), len(to))
		}
		if s.Failed() {
			return nil
		}
		f := indexedFeature{at: int(key), values: make(map[float64]float64, len(from))}
		for k, x := range from {
			f.values[x] = float64(to[k])
		}
		t.features = append(t.features, f)
	}
	t.in, t.out = s.Vector("input", n), s.NewVector("output", n)
	s.Describe("%d of %s categorical", len(keys), plural(n, "feature"))
	return t
}

func (t vectorIndexer) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)
	copy(out, in)
	t.out.SetSparseInSpark(r, t.in.SparseInSpark(r))
	for i := range t.features {
		f := &t.features[i]
		index, ok := f.values[in[f.at]]
		if !ok {
			if !t.keep {
				return fmt.Errorf("feature %d is %v, expected one of the %d categories seen in training", f.at, in[f.at], len(f.values))
			}
			index = float64(len(f.values))
		}
		out[f.at] = index
	}
	return nil
}
