package ops

import (
	"fmt"
	"math"

	"leapline/scorer/engine"
	"leapline/scorer/internal/forest"
)

// Trees, forests and gradient-boosted trees. Trees are summed in order, as in Spark:
//
//	decision_tree_classifier  raw = class weights of the leaf, probability = raw / sum(raw)
//	random_forest_classifier  raw = sum of normalised leaves (without all-zero leaves), probability = raw / sum(raw)
//	gbt_classifier            m = weights . predictions, raw = [-m, m], probability = [1/(1+exp(2m)), the rest to 1]
//	decision_tree_regression  value of the leaf
//	random_forest_regression  mean value of the leaves
//	gbt_regression            weights . predictions
//
// Random forests must have the attribute tree_weights, but its values are not used.
func init() {
	engine.Register("decision_tree_classifier", newTreeClassifier)
	engine.Register("random_forest_classifier", newForestClassifier)
	engine.Register("gbt_classifier", newBoostedClassifier)
	engine.Register("decision_tree_regression", newTreeRegressor)
	engine.Register("random_forest_regression", newForestRegressor)
	engine.Register("gbt_regression", newBoostedRegressor)
}

var _, _, _, _ engine.BlockStep = forestClassifier{}, boostedClassifier{}, boostedRegressor{}, forestRegressor{}

type treeClassifier struct {
	ensemble
	classes
}

func newTreeClassifier(s *engine.Stage) engine.Step {
	n := s.Size("num_classes", maxClasses)
	l := newLoader(s, n)
	l.readTree()
	t := treeClassifier{l.finish(), newClasses(s, n)}
	s.Describe("%d classes, %s, depth %d", n, plural(l.nodes, "node"), l.depth)
	return t
}

func (t treeClassifier) Run(r *engine.Row) error {
	scratch, err := t.evaluate(r)
	if err != nil {
		return err
	}
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	copy(raw, t.forest.Values[int(t.forest.WalkGroup(0, scratch)[0])*len(raw):])
	normalise(probability, raw)
	t.predict(r, raw, probability)
	return nil
}

type forestClassifier struct {
	ensemble
	classes
}

func newForestClassifier(s *engine.Stage) engine.Step {
	n := s.Size("num_classes", maxClasses)
	s.Floats("tree_weights")
	l := newLoader(s, n)
	l.transformLeaf = normaliseLeaf
	trees := l.readTrees("decision_tree_classifier")
	t := forestClassifier{l.finish(), newClasses(s, n)}
	s.Describe("%d classes, %s, %s, depth %d", n, plural(trees, "tree"), plural(l.nodes, "node"), l.depth)
	return t
}

func (t forestClassifier) Run(r *engine.Row) error {
	scratch, err := t.evaluate(r)
	if err != nil {
		return err
	}
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	if len(raw) == 2 {
		raw[0], raw[1] = t.sumBinary(scratch)
	} else {
		clear(raw)
		for g := range t.forest.Groups() {
			for _, leaf := range t.forest.WalkGroup(g, scratch) {
				for i, p := range t.forest.Values[int(leaf)*len(raw):][:len(raw)] {
					raw[i] += p
				}
			}
		}
	}
	normalise(probability, raw)
	t.predict(r, raw, probability)
	return nil
}

// RunBlock implements engine.BlockStep.
func (t forestClassifier) RunBlock(rows []*engine.Row) (done int, err error) {
	sums, done, err := t.sumBlock(rows)
	for i, r := range rows[:done] {
		raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
		copy(raw, sums[i*len(raw):])
		normalise(probability, raw)
		t.predict(r, raw, probability)
	}
	return done, err
}

// sumBinary sums the normalised leaves of two classes in registers, so that the processor can overlap the next trees.
func (t *forestClassifier) sumBinary(scratch *forest.Scratch) (no, yes float64) {
	for g := range t.forest.Groups() {
		for _, leaf := range t.forest.WalkGroup(g, scratch) {
			p := (*[2]float64)(t.forest.Values[2*leaf:])
			no += p[0]
			yes += p[1]
		}
	}
	return no, yes
}

// boosted is a weighted ensemble of regression trees.
type boosted struct {
	ensemble
	weights           []float64
	predictionScratch int // identifies the row's predictions
}

// predictions is a row's memory for the predictions of the trees.
type predictions []float64

func newBoosted(s *engine.Stage) (b boosted, detail string) {
	l := newLoader(s, 1)
	b.weights = s.Floats("tree_weights")
	if trees := l.readTrees("decision_tree_regression"); trees != len(b.weights) {
		s.Fail("tree_weights has %d values for %d trees", len(b.weights), trees)
	}
	b.ensemble = l.finish()
	trees := len(b.weights)
	b.predictionScratch = s.Scratch(func() any { return make(predictions, trees) })
	return b, fmt.Sprintf("%s, %s, depth %d", plural(len(b.weights), "tree"), plural(l.nodes, "node"), l.depth)
}

func (b *boosted) margin(r *engine.Row) (float64, error) {
	scratch, err := b.evaluate(r)
	if err != nil {
		return 0, err
	}
	predictions := r.Scratch(b.predictionScratch).(predictions)
	k := 0
	for g := range b.forest.Groups() {
		for _, leaf := range b.forest.WalkGroup(g, scratch) {
			predictions[k] = b.forest.Values[leaf]
			k++
		}
	}
	return dot(predictions, b.weights), nil
}

// eachMargin calls use with the margin of each row of a block.
func (b *boosted) eachMargin(rows []*engine.Row, use func(r *engine.Row, margin float64)) (done int, err error) {
	s, err := b.block(rows)
	if s.out == nil {
		s.out = make([]float64, dotSums*forest.BlockRows)
	}
	margins := newDots(s.out, len(s.in), b.weights)
	s.block.Leaves(s.in, margins.add)
	for i, margin := range margins.finish() {
		use(rows[i], margin)
	}
	return len(s.in), err
}

type boostedClassifier struct {
	boosted
	classes
}

func newBoostedClassifier(s *engine.Stage) engine.Step {
	if n := s.Long("num_classes"); n != 2 {
		s.Fail("num_classes is %d, expected 2", n)
	}
	if s.Has("lossType") && s.String("lossType") != "logistic" {
		s.Fail("lossType is %.40q, expected logistic", s.String("lossType"))
	}
	b, detail := newBoosted(s)
	s.Describe("2 classes, %s", detail)
	return boostedClassifier{b, newClasses(s, 2)}
}

func (t boostedClassifier) Run(r *engine.Row) error {
	m, err := t.margin(r)
	if err != nil {
		return err
	}
	t.set(r, m)
	return nil
}

// RunBlock implements engine.BlockStep.
func (t boostedClassifier) RunBlock(rows []*engine.Row) (done int, err error) {
	return t.eachMargin(rows, t.set)
}

// set stores the outputs for a margin.
func (t boostedClassifier) set(r *engine.Row, m float64) {
	raw, probability := t.raw.Buffer(r), t.probability.Buffer(r)
	raw[0], raw[1] = -m, m
	probability[0] = 1 / (1 + math.Exp(2*m))
	probability[1] = 1 - probability[0]
	t.predict(r, raw, probability)
}

type boostedRegressor struct {
	boosted
	out engine.NumberOut
}

func newBoostedRegressor(s *engine.Stage) engine.Step {
	s.Predicts()
	b, detail := newBoosted(s)
	s.Describe("%s", detail)
	return boostedRegressor{b, s.NewNumber("prediction")}
}

func (t boostedRegressor) Run(r *engine.Row) error {
	m, err := t.margin(r)
	if err != nil {
		return err
	}
	t.out.Set(r, m)
	return nil
}

// RunBlock implements engine.BlockStep.
func (t boostedRegressor) RunBlock(rows []*engine.Row) (done int, err error) {
	return t.eachMargin(rows, t.out.Set)
}

// forestRegressor returns the mean of the trees, which for a single tree is the value of its leaf.
type forestRegressor struct {
	ensemble
	out engine.NumberOut
}

func newTreeRegressor(s *engine.Stage) engine.Step {
	s.Predicts()
	l := newLoader(s, 1)
	l.readTree()
	s.Describe("%s, depth %d", plural(l.nodes, "node"), l.depth)
	return forestRegressor{l.finish(), s.NewNumber("prediction")}
}

func newForestRegressor(s *engine.Stage) engine.Step {
	s.Predicts()
	s.Floats("tree_weights")
	l := newLoader(s, 1)
	trees := l.readTrees("decision_tree_regression")
	s.Describe("%s, %s, depth %d", plural(trees, "tree"), plural(l.nodes, "node"), l.depth)
	return forestRegressor{l.finish(), s.NewNumber("prediction")}
}

func (t forestRegressor) Run(r *engine.Row) error {
	scratch, err := t.evaluate(r)
	if err != nil {
		return err
	}
	total := 0.0
	for g := range t.forest.Groups() {
		for _, leaf := range t.forest.WalkGroup(g, scratch) {
			total += t.forest.Values[leaf]
		}
	}
	t.out.Set(r, total/float64(t.forest.Trees()))
	return nil
}

// RunBlock implements engine.BlockStep.
func (t forestRegressor) RunBlock(rows []*engine.Row) (done int, err error) {
	sums, done, err := t.sumBlock(rows)
	for i, r := range rows[:done] {
		t.out.Set(r, sums[i]/float64(t.forest.Trees()))
	}
	return done, err
}
