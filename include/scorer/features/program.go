// Package features evaluates a feature spec (leapline/features.json) on one session's events, to the same bits as Spark does
// in training. leapline.features.operations says what each operation is; this is its second half.
//
//	spec, err := features.Parse(data)           // once
//	program := features.Compile(spec)           // immutable, safe for many goroutines
//	state := program.NewState()                 // scratch of one goroutine; pool it
//	state.Session.Reset()                       // then fill it: events in any order
//	state.Session.Cut()                         // sorts, and drops what a model may not see
//	state.Evaluate()                            // wants at least one event
//	state.Number(i); state.Text(i)              // i counts spec.Features; valid until the next Evaluate
package features

import "slices"

// Program is a compiled spec. What several features need of the events is there once.
type Program struct {
	Spec      *Spec
	pairs     bool // whether a row is of a session and an item
	views     []view
	groupings []grouping
	rankings  []ranking
	features  []evaluator
}

// view chooses events.
type view struct {
	scope        scope
	kinds, pages mask
}

// ranking orders a grouping's entities.
type ranking struct {
	grouping int
	byDwell  bool
}

// evaluator computes one feature of a prepared state; one of the two is nil.
type evaluator struct {
	scope  scope
	number func(s *State) float64
	text   func(s *State) string
}

// Compile turns a spec into a program.
func Compile(spec *Spec) *Program {
	p := &Program{Spec: spec, pairs: spec.Unit == "pair"}
	for i := range spec.Features {
		f := &spec.Features[i]
		compiled := operations[f.Op].compile(p, f)
		compiled.scope = f.scope
		p.features = append(p.features, compiled)
	}
	return p
}

// once gives the place of a value in a list, at whose end it is put if it is not there.
func once[T comparable](list *[]T, value T) int {
	if i := slices.Index(*list, value); i >= 0 {
		return i
	}
	*list = append(*list, value)
	return len(*list) - 1
}

func (p *Program) view(of scope, kinds, pages mask) int {
	return once(&p.views, view{of, kinds, pages})
}

// chosen is the view of the events that a feature looks at.
func (p *Program) chosen(f *Feature) int { return p.view(f.scope, f.kinds, f.pages) }

func (p *Program) grouping(f *Feature) int {
	return once(&p.groupings, grouping{p.chosen(f), f.Of})
}

func (p *Program) ranking(f *Feature) int {
	return once(&p.rankings, ranking{p.grouping(f), f.By == "dwell"})
}

// State is one session and all that is computed of it.
type State struct {
	Session Session

	program    *Program
	rows       []row
	items      numbering
	categories numbering
	pairs      pairing
	views      [][]int32 // numbers of rows
	groups     [][]entity
	ranks      [][]entity
	places     []int32 // of entities in the grouping that is made, from 1
	numbers    []float64
	texts      []string
	text       []byte // of texts that are made here
	item       int32  // of the pair
	inPair     []bool // per category, whether the pair's item is of it
	met        []bool // per item, whether it was met
}

// NewState makes the scratch of one goroutine.
func (p *Program) NewState() *State {
	s := &State{
		program: p,
		views:   make([][]int32, len(p.views)),
		groups:  make([][]entity, len(p.groupings)),
		ranks:   make([][]entity, len(p.rankings)),
		numbers: make([]float64, len(p.features)),
		texts:   make([]string, len(p.features)),
	}
	s.items.numbers, s.categories.numbers = map[string]int32{}, map[string]int32{}
	s.pairs.numbers = map[[2]int32]int32{}
	s.pairs.wanted = slices.ContainsFunc(p.groupings, func(g grouping) bool { return g.of == "item_category" })
	return s
}

// Number is the value of a feature that is no category; Text is a category.
func (s *State) Number(i int) float64 { return s.numbers[i] }

// Text is a category's value; it may be a part of the session's own texts.
func (s *State) Text(i int) string { return s.texts[i] }

// Evaluate computes all features of a session that has been cut and has an event. In a spec of pairs these are the features
// whose scope is the session; EvaluatePair adds the others.
func (s *State) Evaluate() {
	s.prepare()
	s.text = s.text[:0]
	s.look(func(of scope) bool { return of == wholeSession })
	for g := range s.groups {
		s.groups[g] = s.group(&s.program.groupings[g], s.groups[g][:0])
	}
	for r := range s.ranks {
		s.ranks[r] = s.rank(&s.program.rankings[r], s.ranks[r][:0])
	}
	s.compute(func(of scope) bool { return of == wholeSession })
}

func (s *State) compute(wanted func(of scope) bool) {
	for i := range s.program.features {
		switch f := &s.program.features[i]; {
		case !wanted(f.scope):
		case f.number != nil:
			s.numbers[i] = f.number(s)
		default:
			s.texts[i] = f.text(s)
		}
	}
}

// look fills the views of some scopes.
func (s *State) look(wanted func(of scope) bool) {
	for n := range s.program.views {
		v := &s.program.views[n]
		if !wanted(v.scope) {
			continue
		}
		into := s.views[n][:0]
		for i := range s.rows {
			if r := &s.rows[i]; v.kinds.has(r.kind) && v.pages.has(r.page) && s.inScope(v.scope, r) {
				into = append(into, int32(i))
			}
		}
		s.views[n] = into
	}
}

// ratio divides once; what cannot be divided is missing.
func ratio(above, below int64, missing float64) float64 {
	if below == 0 {
		return missing
	}
	return float64(above) / float64(below)
}

func number(of func(s *State) float64) evaluator { return evaluator{number: of} }

func text(of func(s *State) string) evaluator { return evaluator{text: of} }
