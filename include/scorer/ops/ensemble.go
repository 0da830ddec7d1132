package ops

import (
	"fmt"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/forest"
)

// ensemble is the trees of a model.
type ensemble struct {
	in      engine.Vector
	forest  *forest.Forest
	scratch int
}

// loader reads the trees of a model one after another.
type loader struct {
	stage    *engine.Stage
	features int
	width    int
	share    bool // a leaf's values are taken over their sum
	builder  *forest.Builder
	tree     bundle.Tree
	nodes    int
	depth    int
}

func newLoader(s *engine.Stage, width int) *loader {
	n := s.Size("num_features", maxCategories)
	return &loader{stage: s, features: n, width: width, builder: forest.NewBuilder(n, width)}
}

// addOne reads the tree beside the model.
func (l *loader) addOne() {
	s := l.stage
	if s.Failed() {
		return
	}
	err := s.Node().Tree(s.Node().Dir, &l.tree)
	if err == nil {
		err = l.add(&l.tree)
	}
	if err != nil {
		s.Fail("%w", err)
	}
}

func (l *loader) add(t *bundle.Tree) error {
	if l.share {
		shares(t)
	}
	if err := l.builder.Add(t); err != nil {
		return err
	}
	l.nodes, l.depth = l.nodes+len(t.Nodes), max(l.depth, t.Depth)
	return nil
}

// shares turns each leaf's class weights into their shares; of an all-zero leaf they stay zero.
func shares(t *bundle.Tree) {
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Feature < 0 {
			if leaf := t.Values[n.Lo:n.Hi]; sum(leaf) != 0 {
				normalise(leaf, leaf)
			}
		}
	}
}

// addAll reads the trees that the attribute names, each a folder with a model of the op.
func (l *loader) addAll(op string) (trees int) {
	s := l.stage
	names := s.Strings("trees")
	if s.Failed() {
		return 0
	}
	err := s.Node().EachTree(names, func(name string, model *bundle.Model, t *bundle.Tree) error {
		err := l.checkTree(model, op)
		if err == nil {
			err = l.add(t)
		}
		if err == nil && l.nodes == len(t.Nodes) { // the first: the others will be like it
			l.builder.Expect(len(names))
		}
		if err != nil {
			err = &bundle.Error{Entry: s.Node().Dir + "/" + name, Err: err}
		}
		return err
	})
	if err != nil {
		s.Fail("%w", err)
	}
	return len(names)
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
		return fmt.Errorf("num_features is %d, the model's is %d", n, l.features)
	}
	if op == "decision_tree_classifier" {
		classes, err := m.Long("num_classes")
		if err != nil {
			return err
		}
		if classes != int64(l.width) {
			return fmt.Errorf("num_classes is %d, the model's is %d", classes, l.width)
		}
	}
	return nil
}

// finish compiles what was read and binds the features.
func (l *loader) finish() ensemble {
	s := l.stage
	if s.Failed() {
		return ensemble{}
	}
	compiled, err := l.builder.Build()
	if err != nil {
		s.Fail("%w", err)
		return ensemble{}
	}
	s.Uses(compiled.Uses())
	e := ensemble{in: s.Vector("features", l.features), forest: compiled}
	e.scratch = s.Scratch(func() any { return compiled.NewScratch() })
	return e
}

// read takes the row's features into the memory that the forest's groups of trees are then walked with.
func (e *ensemble) read(r *engine.Row) (*forest.Scratch, error) {
	x, err := e.in.Of(r)
	if err != nil {
		return nil, err
	}
	scratch := r.Scratch(e.scratch).(*forest.Scratch)
	e.forest.Read(x, scratch)
	return scratch, nil
}
