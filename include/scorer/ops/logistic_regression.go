package ops

import (
	"math"
	"regexp"

	"leapline/scorer/engine"
)

// logistic_regression of two classes computes m = features . coefficients + intercept, raw = [-m, m] and the probabilities
// sigmoid(-m) and 1 - sigmoid(-m). The class is 1 if m is above the log-odds of the threshold. The probabilities of more
// classes are the softmax of one margin per class.
func init() { engine.Register("logistic_regression", newLogistic) }

type binaryLogistic struct {
	classes
	in           features
	coefficients []float64
	intercept    float64
	margin       float64 // class 1 is predicted above it
}

type multinomialLogistic struct {
	classes
	in        features
	rows      [][]float64 // coefficients per class
	intercept []float64
}

func newLogistic(s *engine.Stage) engine.Step {
	n := s.Size("num_classes", maxClasses)
	if s.Has("coefficient_matrix") {
		return newMultinomial(s, n)
	}
	if n != 2 {
		s.Fail("the model has coefficients for two classes, but num_classes is %d", n)
	}
	t := binaryLogistic{coefficients: s.Tensor("coefficients"), intercept: s.Float("intercept")}
	t.in, t.classes = newFeatures(s, len(t.coefficients)), newClasses(s, 2)
	threshold := 0.5
	if s.Has("threshold") {
		threshold = s.Float("threshold")
	}
	if !(threshold >= 0 && threshold <= 1) {
		s.Fail("threshold is %v, expected 0 to 1", threshold)
	}
	t.margin = math.Log(threshold / (1 - threshold)) // infinite at 0 and 1
	s.Describe("2 classes, %s", plural(len(t.coefficients), "coefficient"))
	return t
}

func (t binaryLogistic) Run(r *engine.Row) error {
	m, err := t.in.dot(r, t.coefficients)
	if err != nil {
		return err
	}
	m += t.intercept
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	raw[0], raw[1] = -m, m
	probability[0] = 1 / (1 + math.Exp(m))
	probability[1] = 1 - probability[0]
	switch {
	case t.thresholds != nil:
		t.predict(r, raw, probability)
	case m > t.margin:
		t.prediction.Set(r, 1)
	default:
		t.prediction.Set(r, 0)
	}
	return nil
}

// sklearnNode matches the node names of mleap.sklearn: the op and a UUID of version 1.
var sklearnNode = regexp.MustCompile(`^[a-z_]+_[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func newMultinomial(s *engine.Stage, n int) engine.Step {
	rows, cols, values := s.Matrix("coefficient_matrix")
	t := multinomialLogistic{intercept: s.Tensor("intercept_vector"), rows: make([][]float64, rows)}
	if n < 2 || rows != n || len(t.intercept) != n {
		s.Fail("num_classes is %d, but coefficient_matrix has %d rows and intercept_vector %d values", n, rows, len(t.intercept))
	}
	if s.Failed() {
		return nil
	}
	// Matrices are stored column by column. mleap.sklearn writes this one row by row, and MLeap then predicts wrong classes.
	byRow := sklearnNode.MatchString(s.Node().Name)
	for i := range t.rows {
		t.rows[i] = make([]float64, cols)
		for j := range t.rows[i] {
			if byRow {
				t.rows[i][j] = values[i*cols+j]
			} else {
				t.rows[i][j] = values[j*rows+i]
			}
		}
	}
	t.in, t.classes = newFeatures(s, cols), newClasses(s, n)
	s.Describe("%d classes, %s each", n, plural(cols, "coefficient"))
	if byRow {
		s.Describe("%d classes, %s each; row-major matrix of mleap.sklearn", n, plural(cols, "coefficient"))
	}
	return t
}

func (t multinomialLogistic) Run(r *engine.Row) error {
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	for i, row := range t.rows {
		m, err := t.in.dot(r, row)
		if err != nil {
			return err
		}
		raw[i] = m + t.intercept[i]
	}
	softmax(probability, raw)
	t.predict(r, raw, probability)
	return nil
}
