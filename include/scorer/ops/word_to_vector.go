package ops

import (
	"math"

	"leapline/scorer/engine"
)

// word_to_vector returns the mean of the vectors of a list's words. Words without a vector count, but add nothing. With the
// kernel "sqrt" the sum is divided by its norm instead of the number of words.
func init() { engine.Register("word_to_vector", newWordToVector) }

type wordToVector struct {
	in      engine.TextList
	out     engine.VectorOut
	vectors map[string][]float64
	sqrt    bool
}

func newWordToVector(s *engine.Stage) engine.Step {
	words, values := s.Strings("words"), s.Floats("word_vectors")
	indices := make([]int64, len(words))
	for i := range indices {
		indices[i] = int64(i)
	}
	if s.Has("indices") {
		indices = s.Longs("indices")
	}
	t := wordToVector{vectors: make(map[string][]float64, len(words)), sqrt: kernel(s) == "sqrt"}
	if !s.Failed() && (len(words) == 0 || len(indices) != len(words) || len(values)%len(words) != 0 || len(values) == 0) {
		s.Fail("the model has %d words, %d indices and %d values, expected an index and a vector per word",
			len(words), len(indices), len(values))
	}
	if s.Failed() {
		return nil
	}
	width := len(values) / len(words)
	for i, word := range words {
		at := indices[i]
		if at < 0 || at >= int64(len(words)) {
			s.Fail("word %.80q has index %d, expected an index below %d", word, at, len(words))
			return nil
		}
		t.vectors[word] = values[int(at)*width : (int(at)+1)*width]
	}
	t.in, t.out = s.TextList("input"), s.NewVector("output", width)
	s.Describe("%s of %s", plural(len(words), "word"), plural(width, "value"))
	return t
}

func kernel(s *engine.Stage) string {
	if !s.Has("kernel") {
		return "default"
	}
	name := s.String("kernel")
	if name != "default" && name != "sqrt" {
		s.Fail("kernel is %.40q, expected default or sqrt", name)
	}
	return name
}

func (t wordToVector) Run(r *engine.Row) error {
	words, err := t.in.Get(r)
	if err != nil {
		return err
	}
	sum := t.out.Buffer(r)
	clear(sum)
	t.out.SetSparseInSpark(r, len(words) == 0)
	if len(words) == 0 {
		return nil
	}
	for _, word := range words {
		for i, x := range t.vectors[word] {
			sum[i] += x
		}
	}
	if t.sqrt {
		norm := math.Sqrt(dot(sum, sum))
		for i := range sum {
			sum[i] /= norm
		}
		return nil
	}
	scale := 1 / float64(len(words))
	for i := range sum {
		sum[i] *= scale
	}
	return nil
}
