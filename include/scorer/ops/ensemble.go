package ops

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/forest"
)

// ensemble is the compiled trees of a model, with their input.
type ensemble struct {
	in      engine.Vector
	forest  *forest.Forest
	scratch int
}

// loader reads the trees of a model, in several concurrent parts.
type loader struct {
	stage         *engine.Stage
	features      int
	width         int
	transformLeaf func(leaf []float64) // applied to the values of each leaf, if not nil
	parts         []*forest.Builder
	nodes         int
	depth         int
}

// maxParts limits the number of goroutines that read trees.
const maxParts = 8

func newLoader(s *engine.Stage, width int) *loader {
	return &loader{stage: s, features: s.Size("num_features", maxCategories), width: width}
}

// readTree reads the tree of a single-tree model.
func (l *loader) readTree() {
	s := l.stage
	if s.Failed() {
		return
	}
	var tree bundle.Tree
	err := s.Node().Tree(s.Node().Dir, &tree)
	if err == nil {
		err = l.newPart().Add(&tree)
	}
	l.recordResult(err)
}

// newPart starts the next part of the trees.
func (l *loader) newPart() *forest.Builder {
	l.parts = append(l.parts, forest.NewBuilder(l.features, l.width))
	return l.parts[len(l.parts)-1]
}

// recordResult records the error or the size of the trees.
func (l *loader) recordResult(err error) {
	if err != nil {
		l.stage.Fail("%w", err)
	}
	for _, part := range l.parts {
		l.nodes, l.depth = l.nodes+part.Nodes(), max(l.depth, part.Depth)
	}
}

// normaliseLeaf divides the class weights of a leaf by their sum, unless all are zero.
func normaliseLeaf(leaf []float64) {
	if sum(leaf) != 0 {
		normalise(leaf, leaf)
	}
}

// readTrees reads the trees listed in the attribute "trees". Each is a folder with a model of the given op. If there are
// several errors, it reports that of the first tree, independent of the number of parts.
func (l *loader) readTrees(op string) (trees int) {
	s := l.stage
	names := s.Strings("trees")
	if s.Failed() || len(names) == 0 {
		return 0
	}
	runs := slices.Collect(slices.Chunk(names, partSize(len(names), min(runtime.GOMAXPROCS(0), maxParts))))
	errs := make([]error, len(runs))
	var running sync.WaitGroup
	for k, run := range runs {
		part := l.newPart()
		running.Go(func() { errs[k] = l.readRun(part, run, op) })
	}
	running.Wait()
	l.recordResult(cmp.Or(errs...))
	return len(names)
}

// partSize returns the number of trees per part: a multiple of forest.Lanes, so that only the last group has unused lanes.
func partSize(trees, parts int) int {
	groups := (trees-1)/forest.Lanes + 1
	return ((groups-1)/parts + 1) * forest.Lanes
}

// sampleTrees is the number of trees from which the size of the remaining ones is estimated.
const sampleTrees = 8

// readRun reads trees up to the first invalid one.
func (l *loader) readRun(part *forest.Builder, names []string, op string) error {
	node := l.stage.Node()
	trees := node.Trees()
	for i, name := range names {
		err := trees.Read(name)
		if err != nil {
			return err
		}
		if err = l.checkTree(trees.Model, op); err == nil {
			err = part.Add(&trees.Tree)
		}
		if err != nil {
			return &bundle.Error{Entry: node.Dir + "/" + name, Err: err}
		}
		if i+1 == sampleTrees {
			part.Reserve(len(names) - sampleTrees)
		}
	}
	return nil
}

func (l *loader) checkTree(m *bundle.Model, op string) error {
	if m.Op != op {
		return fmt.Errorf("op is %.40q, expected %s", m.Op, op)
	}
	n, err := m.Long("num_features")
	if err != nil {
		return err
	}
	if n != int64(l.features) {
		return fmt.Errorf("num_features is %d, expected %d like the ensemble", n, l.features)
	}
	if op == "decision_tree_classifier" {
		classes, err := m.Long("num_classes")
		if err != nil {
			return err
		}
		if classes != int64(l.width) {
			return fmt.Errorf("num_classes is %d, expected %d like the ensemble", classes, l.width)
		}
	}
	return nil
}

// finish compiles the trees and binds the input port.
func (l *loader) finish() ensemble {
	s := l.stage
	if s.Failed() {
		return ensemble{}
	}
	compiled, err := forest.Build(l.transformLeaf, l.parts...)
	if err != nil {
		s.Fail("%w", err)
		return ensemble{}
	}
	s.SetSplitCounts(compiled.SplitCounts())
	e := ensemble{in: s.Vector("features", l.features), forest: compiled}
	e.scratch = s.Scratch(func() any { return &ensembleScratch{Scratch: compiled.NewScratch()} })
	return e
}

// ensembleScratch is the working memory for one row, and for a block of rows when there is one.
type ensembleScratch struct {
	*forest.Scratch
	block *forest.Block
	in    [][]float64 // inputs of a block
	out   []float64   // sums of a block
}

// evaluate evaluates the split conditions for a row, and returns the memory for walking the trees.
func (e *ensemble) evaluate(r *engine.Row) (*forest.Scratch, error) {
	x, err := e.in.Get(r)
	if err != nil {
		return nil, err
	}
	scratch := r.Scratch(e.scratch).(*ensembleScratch).Scratch
	e.forest.EvaluateConditions(x, scratch)
	return scratch, nil
}

// MinRows implements engine.BlockStep.
func (e ensemble) MinRows() int { return e.forest.MinRows() }

// block returns the memory for evaluating a block of rows, and sets its inputs. If a row's input is an error, the inputs are
// those of the rows before it.
func (e *ensemble) block(rows []*engine.Row) (s *ensembleScratch, err error) {
	s = rows[0].Scratch(e.scratch).(*ensembleScratch)
	if s.block == nil {
		s.block, s.in = e.forest.NewBlock(), make([][]float64, 0, forest.BlockRows)
	}
	s.in = s.in[:0]
	for _, r := range rows {
		x, err := e.in.Get(r)
		if err != nil {
			return s, err
		}
		s.in = append(s.in, x)
	}
	return s, nil
}

// sumBlock returns the sums of the leaves of each row, as many as a leaf has values, for the rows before the first error.
func (e *ensemble) sumBlock(rows []*engine.Row) (sums []float64, done int, err error) {
	s, err := e.block(rows)
	if s.out == nil {
		s.out = make([]float64, forest.BlockRows*e.forest.Width)
	}
	s.block.Sum(s.in, s.out)
	return s.out, len(s.in), err
}
