package ops

import (
	"errors"
	"math"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// k_means returns the number of the nearest cluster centre. bisecting_k_means descends a tree of centres and returns the
// number of a leaf. Distances are Euclidean, unless the attribute distance_measure is "cosine". MLeap has no such attribute;
// its Euclidean distances select the same cluster, because Spark normalises the centres of cosine models.
func init() {
	engine.Register("k_means", newKMeans)
	engine.Register("bisecting_k_means", newBisecting)
}

type kMeans struct {
	in      engine.Vector
	out     engine.NumberOut
	cosine  bool
	centres [][]float64
}

// isCosine returns whether the attribute distance_measure is cosine. The default is euclidean.
func isCosine(s *engine.Stage) bool {
	if !s.Has("distance_measure") {
		return false
	}
	switch measure := s.String("distance_measure"); measure {
	case "euclidean", "":
		return false
	case "cosine":
		return true
	default:
		s.Fail("distance_measure is %.40q, expected euclidean or cosine", measure)
		return false
	}
}

func newKMeans(s *engine.Stage) engine.Step {
	s.Predicts()
	width := s.Size("num_features", maxCategories)
	t := kMeans{
		centres: vectors(s, "cluster_centers", width), in: s.Vector("features", width), out: s.NewInteger("prediction"),
		cosine: isCosine(s),
	}
	if t.cosine {
		normaliseCentres(s, t.centres)
	}
	s.Describe("%s of %s", plural(len(t.centres), "centre"), plural(width, "feature"))
	return t
}

// vectors returns an attribute that is a list of vectors of the given width.
func vectors(s *engine.Stage, name string, width int) [][]float64 {
	tensors := s.Tensors(name)
	if len(tensors) == 0 {
		s.Fail("attribute %q is empty", name)
	}
	out := make([][]float64, len(tensors))
	for i, t := range tensors {
		if len(t.Dims) != 1 || t.Dims[0] != width {
			s.Fail("element %d of attribute %q has dimensions %v, expected [%d]", i, name, t.Dims, width)
		}
		out[i] = t.Doubles
	}
	return out
}

func (t kMeans) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	if t.cosine {
		if err := checkNonZero(x); err != nil {
			return err
		}
	}
	t.out.Set(r, float64(nearest(x, t.centres, t.cosine)))
	return nil
}

// checkNonZero rejects the zero vector, whose cosine distance is not defined.
func checkNonZero(x []float64) error {
	for _, v := range x {
		if v != 0 {
			return nil
		}
	}
	return errors.New("the features are all zero, and their cosine distance is not defined")
}

// normaliseCentres divides centres by their norm, as Spark does.
func normaliseCentres(s *engine.Stage, centres [][]float64) {
	for i, centre := range centres {
		norm := pNorm(centre, 2)
		if !(norm > 0) && !s.Failed() {
			s.Fail("cluster centre %d is zero, and its cosine distance is not defined", i)
		}
		for k := range centre {
			centre[k] /= norm
		}
	}
}

// nearest returns the first centre with the smallest distance. For cosine distances, the centres have norm 1, and the norm
// of x is the same for all centres.
func nearest(x []float64, centres [][]float64, cosine bool) int {
	if !cosine {
		return nearestCentre(x, centres)
	}
	best, largest := 0, math.Inf(-1)
	for i, centre := range centres {
		if d := dot(x, centre); d > largest {
			best, largest = i, d
		}
	}
	return best
}

// nearestCentre returns the first centre with the smallest squared distance.
func nearestCentre(x []float64, centres [][]float64) int {
	best, least := 0, math.Inf(1)
	for i, centre := range centres {
		if d := squaredDistance(x, centre); d < least {
			best, least = i, d
		}
	}
	return best
}

func squaredDistance(a, b []float64) float64 {
	total := 0.0
	for i, x := range a {
		d := x - b[i]
		total += float64(d * d)
	}
	return total
}

type bisecting struct {
	in     engine.Vector
	out    engine.NumberOut
	cosine bool
	nodes  []clusterNode
}

type clusterNode struct {
	index    int
	children []int
	centres  [][]float64 // centres of the children
}

func newBisecting(s *engine.Stage) engine.Step {
	s.Predicts()
	if s.Failed() {
		return nil
	}
	tree, err := s.Node().ClusterTree()
	if err != nil {
		s.Fail("%w", err)
		return nil
	}
	width := len(tree[0].Centre)
	for i, n := range tree {
		if len(n.Centre) != width || width == 0 {
			s.Fail("node %d of the cluster tree has a centre of %d values, expected %d like the root", i, len(n.Centre), width)
			return nil
		}
	}
	t := bisecting{in: s.Vector("features", width), out: s.NewInteger("prediction"), nodes: clusterNodes(tree), cosine: isCosine(s)}
	if t.cosine {
		for _, n := range t.nodes {
			normaliseCentres(s, n.centres)
		}
	}
	s.Describe("%s, %s", plural(len(tree), "cluster node"), plural(width, "feature"))
	return t
}

func clusterNodes(tree []bundle.ClusterNode) []clusterNode {
	nodes := make([]clusterNode, len(tree))
	for i, n := range tree {
		nodes[i].index = n.Index
		if i > 0 {
			parent := &nodes[n.Parent]
			parent.children = append(parent.children, i)
			parent.centres = append(parent.centres, n.Centre)
		}
	}
	return nodes
}

func (t bisecting) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	if t.cosine {
		if err := checkNonZero(x); err != nil {
			return err
		}
	}
	at := 0
	for len(t.nodes[at].children) > 0 {
		at = t.nodes[at].children[nearest(x, t.nodes[at].centres, t.cosine)]
	}
	t.out.Set(r, float64(t.nodes[at].index))
	return nil
}
