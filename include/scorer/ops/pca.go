package ops

import (
	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

// pca multiplies a vector by the matrix of principal components (features x k). MLeap declares no width for its output.
func init() { engine.Register("pca", newPCA) }

type pca struct {
	in         engine.Vector
	out        engine.VectorOut
	components []float64 // concatenated
}

func newPCA(s *engine.Stage) engine.Step {
	features, k, values := s.Matrix("principal_components")
	if features < 1 || k < 1 {
		s.Fail("principal_components has %d features and %d components", features, k)
	}
	if s.Failed() {
		return nil
	}
	s.Describe("%s to %d", plural(features, "value"), k)
	declared := frame.VectorOf(k)
	declared.Dims = nil
	return pca{in: s.Vector("input", features), out: s.NewDeclaredVector("output", k, declared), components: values}
}

func (t pca) Run(r *engine.Row) error {
	in, err := t.in.Get(r)
	if err != nil {
		return err
	}
	out := t.out.Buffer(r)
	sparse := t.in.SparseInSpark(r)
	for k := range out {
		out[k] = dotProduct(in, t.components[k*len(in):], sparse)
	}
	return nil
}
