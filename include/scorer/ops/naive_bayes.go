package ops

import (
	"fmt"
	"math"
	"slices"

	"leapline/scorer/engine"
)

// naive_bayes supports the four model types of Spark. The raw scores are log-likelihoods, the probabilities their softmax:
//
//	multinomial  pi + theta . x; x must not be negative
//	complement   theta . x - log(sum(exp(theta . x))); x must not be negative
//	bernoulli    pi + (theta - neg) . x + sum(neg), neg = log(1 - exp(theta)); x must be 0 or 1
//	gaussian     pi - (sum((x - theta)^2 / sigma) + sum(log(sigma))) / 2
func init() { engine.Register("naive_bayes", newNaiveBayes) }

type naiveBayes struct {
	classes
	in    engine.Vector
	kind  string
	pi    []float64   // bernoulli: includes sum(neg)
	theta [][]float64 // per class
	sigma [][]float64 // gaussian: variances per class
	logs  []float64   // gaussian: sum(log(sigma)) per class
}

func newNaiveBayes(s *engine.Stage) engine.Step {
	n, width := s.Size("num_classes", maxClasses), s.Size("num_features", maxCategories)
	t := naiveBayes{kind: s.String("model_type"), pi: s.Tensor("pi"), theta: classRows(s, "theta", n, width)}
	if len(t.pi) != n {
		s.Fail("pi has %d values for %d classes", len(t.pi), n)
	}
	if s.Failed() {
		return nil
	}
	switch t.kind {
	case "multinomial", "complement":
	case "bernoulli":
		ones, neg := slices.Repeat([]float64{1}, width), make([]float64, width)
		for i, row := range t.theta {
			for j, theta := range row {
				neg[j] = math.Log1p(-math.Exp(theta))
				row[j] = theta - neg[j]
			}
			t.pi[i] += dot(ones, neg)
		}
	case "gaussian":
		t.sigma, t.logs = classRows(s, "sigma", n, width), make([]float64, n)
		for i, row := range t.sigma {
			for _, sigma := range row {
				t.logs[i] += math.Log(sigma)
			}
		}
	default:
		s.Fail("model_type is %.40q, expected multinomial, complement, bernoulli or gaussian", t.kind)
	}
	t.in, t.classes = s.Vector("features", width), newClasses(s, n)
	s.Describe("%s, %d classes, %s", t.kind, n, plural(width, "feature"))
	return t
}

// classRows returns the rows of an attribute that is a matrix of classes x features.
func classRows(s *engine.Stage, name string, n, width int) [][]float64 {
	rows, cols, values := s.Matrix(name)
	if rows != n || cols != width {
		s.Fail("%s is %d x %d, expected %d classes x %d features", name, rows, cols, n, width)
	}
	if s.Failed() {
		return nil
	}
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, width)
		for j := range out[i] {
			out[i][j] = values[j*rows+i]
		}
	}
	return out
}

// check rejects the values that Spark rejects, including NaN.
func (t *naiveBayes) check(x []float64) error {
	for i, v := range x {
		switch t.kind {
		case "bernoulli":
			if v != 0 && v != 1 {
				return fmt.Errorf("feature %d is %v, expected 0 or 1", i, v)
			}
		case "multinomial", "complement":
			if !(v >= 0) {
				return fmt.Errorf("feature %d is %v, expected 0 or more", i, v)
			}
		}
	}
	return nil
}

func (t naiveBayes) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	if err := t.check(x); err != nil {
		return err
	}
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	sparse := t.in.SparseInSpark(r)
	for i := range raw {
		if t.kind == "gaussian" {
			raw[i] = t.pi[i] - (distance(x, t.theta[i], t.sigma[i])+t.logs[i])/2
			continue
		}
		raw[i] = dotProduct(x, t.theta[i], sparse)
		if t.kind != "complement" {
			raw[i] += t.pi[i]
		}
	}
	if t.kind == "complement" {
		subtract(raw, logSumExp(raw))
	}
	softmax(probability, raw)
	t.predict(r, raw, probability)
	return nil
}

// distance returns the sum of squared differences, each divided by its variance.
func distance(x, mean, variance []float64) float64 {
	total := 0.0
	for j, v := range x {
		d := v - mean[j]
		total += d * d / variance[j]
	}
	return total
}

func subtract(values []float64, by float64) {
	for i := range values {
		values[i] -= by
	}
}

func logSumExp(values []float64) float64 {
	top := values[argmax(values)]
	total := 0.0
	for _, x := range values {
		total += math.Exp(x - top)
	}
	return math.Log(total) + top
}
