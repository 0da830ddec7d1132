package ops

import (
	"math"
	"slices"

	"leapline/scorer/engine"
)

// isotonic_regression interpolates linearly between boundaries, for a number or for one element of a vector. A value outside
// of the boundaries has the first or last prediction.
func init() { engine.Register("isotonic_regression", newIsotonic) }

type isotonic struct {
	number                  engine.Number
	vector                  engine.Vector
	index                   int // element of the vector, -1 for a number
	out                     engine.NumberOut
	boundaries, predictions []float64
}

func newIsotonic(s *engine.Stage) engine.Step {
	s.Predicts()
	t := isotonic{index: -1, boundaries: s.Floats("boundaries"), predictions: s.Floats("predictions")}
	s.Bool("isotonic")
	n := len(t.boundaries)
	if !s.Failed() && (n == 0 || len(t.predictions) != n || !slices.IsSorted(t.boundaries)) {
		s.Fail("the model has %d boundaries and %d predictions, expected equal numbers and ascending boundaries", n, len(t.predictions))
	}
	switch {
	case s.Has("feature_index") && s.IsComputed("features"):
		t.vector = s.Vector("features", 0)
		index := s.Long("feature_index")
		if !s.Failed() && (index < 0 || index >= int64(t.vector.Width)) {
			s.Fail("feature_index is %d, expected an index below %d", index, t.vector.Width)
		}
		t.index = int(index)
	case s.Has("feature_index"):
		s.Fail("the width of the input vector is not known; the column must be computed by another stage")
	default:
		t.number = s.Number("features", false)
	}
	t.out = s.NewNumber("prediction")
	s.Describe("%s", plural(n, "boundary value"))
	return t
}

func (t isotonic) Run(r *engine.Row) error {
	x, err := t.feature(r)
	if err != nil {
		return err
	}
	t.out.Set(r, t.predict(x))
	return nil
}

func (t *isotonic) feature(r *engine.Row) (float64, error) {
	if t.index < 0 {
		return t.number.Get(r)
	}
	v, err := t.vector.Get(r)
	if err != nil {
		return 0, err
	}
	return v[t.index], nil
}

// predict orders values like Java's binary search: NaN is above all, and -0.0 below 0.0.
func (t *isotonic) predict(x float64) float64 {
	last := len(t.boundaries) - 1
	i := 0 // number of boundaries below x
	for n := last + 1; n > 0; {
		if half := n / 2; javaBelow(t.boundaries[i+half], x) {
			i, n = i+half+1, n-half-1
		} else {
			n = half
		}
	}
	switch {
	case i > last:
		return t.predictions[last]
	case !javaBelow(x, t.boundaries[i]):
		return t.predictions[i]
	case i == 0:
		return t.predictions[0]
	}
	x1, y1 := t.boundaries[i-1], t.predictions[i-1]
	x2, y2 := t.boundaries[i], t.predictions[i]
	return y1 + float64((y2-y1)*(x-x1))/(x2-x1)
}

func javaBelow(a, b float64) bool {
	if b != b {
		return a == a
	}
	return javaLess(a, b)
}

// generalized_linear_regression applies the inverse of a link function to the product of features and coefficients.
func init() { engine.Register("generalized_linear_regression", newGeneralizedLinear) }

type generalizedLinear struct {
	in              features
	out, linkOut    engine.NumberOut
	coefficients    []float64
	intercept       float64
	unlink          func(eta float64) float64
	lowest, highest float64 // range of predictions
}

// glmEpsilon is the distance that Spark keeps from the ends of a family's range.
const glmEpsilon = 1e-16

func newGeneralizedLinear(s *engine.Stage) engine.Step {
	s.Predicts()
	t := generalizedLinear{coefficients: s.Tensor("coefficients"), intercept: s.Float("intercept")}
	family := s.String("family")
	link := defaultLinks[family]
	if s.Has("link") && family != "tweedie" {
		link = s.String("link")
	}
	t.lowest, t.highest = glmEpsilon, math.MaxFloat64
	switch family {
	case "gaussian":
		t.lowest = -math.MaxFloat64
	case "binomial":
		t.highest = 1 - glmEpsilon
	case "poisson", "gamma":
	case "tweedie":
		t.tweedie(s)
	default:
		s.Fail("family is %.40q, expected gaussian, binomial, poisson, gamma or tweedie", family)
	}
	if family != "tweedie" {
		t.unlink = links[link]
	}
	if !s.Failed() && t.unlink == nil {
		s.Fail("link is %.40q, which is not supported", link)
	}
	t.in = newFeatures(s, len(t.coefficients))
	t.out, t.linkOut = s.NewNumber("prediction"), s.NewNumber("link_prediction")
	s.Describe("%s, %s, %s", family, link, plural(len(t.coefficients), "coefficient"))
	return t
}

// tweedie sets the link of the family tweedie, a power.
func (t *generalizedLinear) tweedie(s *engine.Stage) {
	variance := s.Float("variance_power")
	power := 1 - variance
	if s.Has("link_power") {
		power = s.Float("link_power")
	}
	if variance == 0 { // the Gaussian family
		t.lowest = -math.MaxFloat64
	}
	switch power {
	case 0:
		t.unlink = math.Exp
	case 1:
		t.unlink = links["identity"]
	case -1:
		t.unlink = links["inverse"]
	case 0.5:
		t.unlink = links["sqrt"]
	default:
		t.unlink = func(eta float64) float64 { return math.Pow(eta, 1/power) }
	}
}

var defaultLinks = map[string]string{"gaussian": "identity", "binomial": "logit", "poisson": "log", "gamma": "inverse"}

// links maps the names of link functions to their inverses.
var links = map[string]func(eta float64) float64{
	"identity": func(eta float64) float64 { return eta },
	"log":      math.Exp,
	"inverse":  func(eta float64) float64 { return 1 / eta },
	"sqrt":     func(eta float64) float64 { return eta * eta },
	"logit":    func(eta float64) float64 { return 1 / (1 + math.Exp(-eta)) },
	"cloglog":  func(eta float64) float64 { return 1 - math.Exp(-math.Exp(eta)) },
	"probit":   func(eta float64) float64 { return math.Erfc(-eta/math.Sqrt2) / 2 },
}

func (t generalizedLinear) Run(r *engine.Row) error {
	m, err := t.in.dot(r, t.coefficients)
	if err != nil {
		return err
	}
	eta := m + t.intercept
	mu := t.unlink(eta)
	if mu < t.lowest {
		mu = t.lowest
	} else if mu > t.highest {
		mu = t.highest
	}
	t.linkOut.Set(r, eta)
	t.out.Set(r, mu)
	return nil
}
