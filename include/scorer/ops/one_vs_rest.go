package ops

import (
	"fmt"

	"leapline/scorer/engine"
)

// one_vs_rest predicts the class whose binary model has the largest raw score. The models are in the folders model0, model1,
// and so on. MLeap compares probabilities instead, which are equal for large scores.
func init() { engine.Register("one_vs_rest", newOneVsRest) }

type oneVsRest struct {
	scores     []engine.Vector
	raw        engine.VectorOut
	prediction engine.NumberOut
}

// maxSubmodels limits the number of models.
const maxSubmodels = 10_000

func newOneVsRest(s *engine.Stage) engine.Step {
	s.Predicts()
	n, width := s.Size("num_classes", maxSubmodels), s.Size("num_features", maxCategories)
	s.AnyVector("features", width)
	t := oneVsRest{}
	for i := range n {
		score := s.Submodel(fmt.Sprintf("model%d", i), "raw_prediction")
		if !s.Failed() && score.Width != 2 {
			s.Fail("model%d has %d classes, expected 2", i, score.Width)
		}
		t.scores = append(t.scores, score)
	}
	t.raw, t.prediction = s.NewVector("raw_prediction", n), s.NewNumber("prediction")
	s.Describe("%d classes, %s", n, plural(width, "feature"))
	return t
}

func (t oneVsRest) Run(r *engine.Row) error {
	raw := t.raw.Buffer(r)
	for i, score := range t.scores {
		values, err := score.Get(r)
		if err != nil {
			return err
		}
		raw[i] = values[1]
	}
	t.prediction.Set(r, float64(argmax(raw)))
	return nil
}
