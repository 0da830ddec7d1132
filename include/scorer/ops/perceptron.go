package ops

import (
	"math"

	"leapline/scorer/engine"
)

// multi_layer_perceptron_classifier is a feed-forward network: sigmoid layers and a softmax layer. The weights of each layer
// are a matrix of outputs x inputs, column by column, followed by the biases.
func init() { engine.Register("multi_layer_perceptron_classifier", newPerceptron) }

type perceptron struct {
	classes
	in      engine.Vector
	layers  []perceptronLayer
	scratch int
}

type perceptronLayer struct {
	weights [][]float64 // per output
	biases  []float64
}

// activations is a row's memory for the outputs of the hidden layers, of which two alternate.
type activations [2][]float64

func newPerceptron(s *engine.Stage) engine.Step {
	sizes, weights := s.Longs("layers"), s.Tensor("weights")
	if !s.Failed() && len(sizes) < 2 {
		s.Fail("attribute \"layers\" has %d sizes, at least 2 are required", len(sizes))
	}
	for _, n := range sizes {
		if n < 1 || n > maxClasses {
			s.Fail("attribute \"layers\" has size %d, expected 1 to %d", n, maxClasses)
		}
	}
	if s.Failed() {
		return nil
	}
	t := perceptron{}
	largest := 0
	for i := range len(sizes) - 1 {
		inputs, outputs := int(sizes[i]), int(sizes[i+1])
		if len(weights) < (inputs+1)*outputs {
			s.Fail("attribute \"weights\" has too few values for layers of %v", sizes)
			return nil
		}
		t.layers = append(t.layers, newPerceptronLayer(weights, inputs, outputs))
		weights = weights[(inputs+1)*outputs:]
		largest = max(largest, outputs)
	}
	if len(weights) > 0 {
		s.Fail("attribute \"weights\" has %d values in excess for layers of %v", len(weights), sizes)
		return nil
	}
	t.in, t.classes = s.Vector("features", int(sizes[0])), newClasses(s, int(sizes[len(sizes)-1]))
	t.scratch = s.Scratch(func() any { return &activations{make([]float64, largest), make([]float64, largest)} })
	s.Describe("layers of %v", sizes)
	return t
}

func newPerceptronLayer(weights []float64, inputs, outputs int) perceptronLayer {
	layer := perceptronLayer{biases: weights[inputs*outputs : (inputs+1)*outputs]}
	for i := range outputs {
		row := make([]float64, inputs)
		for k := range row {
			row[k] = weights[k*outputs+i]
		}
		layer.weights = append(layer.weights, row)
	}
	return layer
}

func (t perceptron) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	scratch := r.Scratch(t.scratch).(*activations)
	last := len(t.layers) - 1
	for i := range t.layers[:last] {
		layer := &t.layers[i]
		out := scratch[i%2][:len(layer.biases)]
		layer.apply(out, x)
		for k, v := range out {
			out[k] = 1 / (1 + math.Exp(-v))
		}
		x = out
	}
	t.layers[last].apply(raw, x)
	softmax(probability, raw)
	t.predict(r, raw, probability)
	return nil
}

func (l *perceptronLayer) apply(out, x []float64) {
	for i, row := range l.weights {
		out[i] = dot(row, x) + l.biases[i]
	}
}
