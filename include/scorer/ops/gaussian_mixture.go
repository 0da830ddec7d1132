package ops

import (
	"math"

	"leapline/scorer/engine"
)

// gaussian_mixture computes p_i = epsilon + weight_i * density_i(x), divided by their sum; the prediction is the first
// largest. Like Spark's MultivariateGaussian, densities use the pseudo-inverse of the covariance, which may be singular.
func init() { engine.Register("gaussian_mixture", newMixture) }

type mixture struct {
	in          engine.Vector
	prediction  engine.NumberOut
	probability engine.VectorOut
	parts       []gaussian
}

// gaussian has log density = constant - |root . x - rootMean|^2 / 2.
type gaussian struct {
	weight, constant float64
	root             [][]float64 // square root of the inverse covariance, by row
	rootMean         []float64
}

// maxGaussian limits the width of a mixture. The setup time of a component is proportional to the cube of the width, and
// maxCubes limits the total.
const (
	maxGaussian = 512
	maxCubes    = 1 << 28
)

func newMixture(s *engine.Stage) engine.Step {
	s.Predicts()
	weights, covs := s.Floats("weights"), s.Tensors("covs")
	means := s.Tensors("means")
	if len(means) == 0 || len(means) != len(weights) || len(covs) != len(weights) {
		s.Fail("the model has %d means, %d covs and %d weights, expected equal numbers", len(means), len(covs), len(weights))
	}
	if s.Failed() {
		return nil
	}
	width := len(means[0].Doubles)
	if width < 1 || width > maxGaussian || len(weights)*width*width*width > maxCubes {
		s.Fail("the model has %d means of %d values, which exceeds the limit of %d values and %d in total",
			len(means), width, maxGaussian, maxCubes)
	}
	list := vectors(s, "means", width)
	t := mixture{in: s.Vector("features", width)}
	t.prediction, t.probability = s.NewInteger("prediction"), s.NewVector("probability", len(weights))
	for i, cov := range covs {
		if len(cov.Dims) != 2 || cov.Dims[0] != width || cov.Dims[1] != width {
			s.Fail("element %d of attribute \"covs\" has dimensions %v, expected [%d %d]", i, cov.Dims, width, width)
		}
		if s.Failed() {
			return nil
		}
		g, ok := newGaussian(list[i], cov.Doubles)
		if !ok {
			s.Fail("element %d of attribute \"covs\" is not a covariance: it is zero or not finite", i)
		}
		g.weight = weights[i]
		t.parts = append(t.parts, g)
	}
	s.Describe("%s of %s", plural(len(weights), "Gaussian"), plural(width, "feature"))
	return t
}

const epsilon = 0x1p-52

// newGaussian decomposes the covariance into eigenvalues d and eigenvectors u: root = diag(sqrt(1/d)) u', with 0 for
// eigenvalues within the rounding error. The constant contains the logarithm of the product of the other eigenvalues.
func newGaussian(mean, cov []float64) (g gaussian, ok bool) {
	n := len(mean)
	values, vectors, ok := symmetricEigen(cov, n)
	if !ok {
		return g, false
	}
	top := values[argmax(values)]
	tolerance := epsilon * top * float64(n)
	if !(top > 0) {
		return g, false
	}
	logDet := 0.0
	g.root, g.rootMean = make([][]float64, n), make([]float64, n)
	for k, d := range values {
		g.root[k] = make([]float64, n)
		if d <= tolerance {
			continue
		}
		logDet += math.Log(d)
		scale := math.Sqrt(1 / d)
		for j := range n {
			g.root[k][j] = scale * vectors[j*n+k]
		}
		g.rootMean[k] = dot(g.root[k], mean)
	}
	g.constant = -0.5 * (float64(float64(n)*math.Log(2*math.Pi)) + logDet)
	return g, true
}

func (t mixture) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	p := t.probability.Buffer(r)
	total := 0.0
	for i := range t.parts {
		g := &t.parts[i]
		p[i] = epsilon + float64(g.weight*math.Exp(g.logDensity(x)))
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	t.prediction.Set(r, float64(argmax(p)))
	return nil
}

func (g *gaussian) logDensity(x []float64) float64 {
	squares := 0.0
	for k, row := range g.root {
		d := g.rootMean[k] - dot(x, row)
		squares += float64(d * d)
	}
	return g.constant - 0.5*squares
}
