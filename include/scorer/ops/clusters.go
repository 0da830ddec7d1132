package ops

import (
	"math"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
)

// k_means returns the number of the nearest cluster centre. bisecting_k_means descends a tree of centres and returns the
// number of a leaf. Distances are Euclidean.
func init() {
	engine.Register("k_means", newKMeans)
	engine.Register("bisecting_k_means", newBisecting)
}

type kMeans struct {
	in      engine.Vector
	out     engine.NumberOut
	centres [][]float64
}

func newKMeans(s *engine.Stage) engine.Step {
	s.Predicts()
	width := s.Size("num_features", maxCategories)
	t := kMeans{centres: vectors(s, "cluster_centers", width), in: s.Vector("features", width), out: s.NewInteger("prediction")}
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
	t.out.Set(r, float64(nearestCentre(x, t.centres)))
	return nil
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
	in    engine.Vector
	out   engine.NumberOut
	nodes []clusterNode
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
	t := bisecting{in: s.Vector("features", width), out: s.NewInteger("prediction"), nodes: clusterNodes(tree)}
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
	at := 0
	for len(t.nodes[at].children) > 0 {
		at = t.nodes[at].children[nearestCentre(x, t.nodes[at].centres)]
	}
	t.out.Set(r, float64(t.nodes[at].index))
	return nil
}
