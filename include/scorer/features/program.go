// Package features evaluates a feature spec (leapline/features.json) on the events of one session. Training
// and the scorer use this package, so both have the same results. The Python module leapline.features.operations
// documents the operations.
//
//	spec, err := features.Parse(data)           // once
//	program := features.Compile(spec)           // immutable, safe for many goroutines
//	state := program.NewState()                 // for one goroutine; pool it
//	state.Session.Reset()                       // then set its fields; events in any order
//	state.Session.Cut()                         // sorts the events, removes those from the checkout on
//	state.Evaluate()                            // requires at least one event
//	state.Number(i); state.Text(i)              // i is an index in spec.Features; valid until the next Evaluate
package features

import (
	"slices"
	"unsafe"
)

// Program is a compiled spec. Intermediate results that several features need are computed once.
type Program struct {
	Spec      *Spec
	pairs     bool // whether the unit is a session and an item
	views     []view
	groupings []grouping
	rankings  []ranking
	features  []evaluator

	vocabularies []Vocabulary
}

// view selects events.
type view struct {
	scope        scope
	kinds, pages mask
}

// ranking is an order of a grouping's entities.
type ranking struct {
	grouping int
	byDwell  bool
}

// evaluator computes one feature from a prepared state; either number or text is set.
type evaluator struct {
	scope  scope
	number func(s *State) float64
	text   func(s *State) string
}

// Compile returns the program of a spec.
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

// indexOrAppend returns the index of a value in a list; it appends the value if it is absent.
func indexOrAppend[T comparable](list *[]T, value T) int {
	if i := slices.Index(*list, value); i >= 0 {
		return i
	}
	*list = append(*list, value)
	return len(*list) - 1
}

func (p *Program) view(of scope, kinds, pages mask) int {
	return indexOrAppend(&p.views, view{of, kinds, pages})
}

// viewOf returns the view of the events that a feature uses.
func (p *Program) viewOf(f *Feature) int { return p.view(f.scope, f.kinds, f.pages) }

func (p *Program) grouping(f *Feature) int {
	return indexOrAppend(&p.groupings, grouping{p.viewOf(f), f.Of})
}

func (p *Program) ranking(f *Feature) int {
	return indexOrAppend(&p.rankings, ranking{p.grouping(f), f.By == "dwell"})
}

// State is one session and everything computed from it.
type State struct {
	Session Session

	program        *Program
	rows           []row
	items          nameIndex
	categories     nameIndex
	pairs          pairIndex
	views          [][]int32 // indexes of rows
	groups         [][]entity
	ranks          [][]entity
	places         []int32 // per entity id: its position in the current group, from 1; 0 if absent
	numbers        []float64
	texts          []string
	text           []byte // buffer of computed texts
	item           int32  // id of the pair's item
	pairCategories []bool // per category: whether it is a category of the pair's item
	seenItems      []bool // per item: whether it has been seen
}

// NewState returns a state for one goroutine.
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
	s.pairs.enabled = slices.ContainsFunc(p.groupings, func(g grouping) bool { return g.of == "item_category" })
	return s
}

// Number returns the value of a numeric feature.
func (s *State) Number(i int) float64 { return s.numbers[i] }

// Text returns the value of a categorical feature; it may share memory with the session's texts.
func (s *State) Text(i int) string { return s.texts[i] }

// Evaluate computes all features of a session with at least one event, after Cut. In a spec of unit pair it computes only
// the features whose scope is the session; EvaluatePair computes the others.
func (s *State) Evaluate() {
	s.prepare()
	s.text = s.text[:0]
	s.fillViews(func(of scope) bool { return of == wholeSession })
	for g := range s.groups {
		s.groups[g] = s.group(&s.program.groupings[g], s.groups[g][:0])
	}
	for r := range s.ranks {
		s.ranks[r] = s.rank(&s.program.rankings[r], s.ranks[r][:0])
	}
	s.compute(func(of scope) bool { return of == wholeSession })
}

// compute evaluates the features of the scopes to include.
func (s *State) compute(include func(of scope) bool) {
	for i := range s.program.features {
		switch f := &s.program.features[i]; {
		case !include(f.scope):
		case f.number != nil:
			s.numbers[i] = f.number(s)
		default:
			s.texts[i] = f.text(s)
		}
	}
}

// fillViews computes the views of the scopes to include.
func (s *State) fillViews(include func(of scope) bool) {
	for n := range s.program.views {
		v := &s.program.views[n]
		if !include(v.scope) {
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

// ratio returns numerator / denominator, missing if the denominator is 0.
func ratio(numerator, denominator int64, missing float64) float64 {
	if denominator == 0 {
		return missing
	}
	return float64(numerator) / float64(denominator)
}

func number(of func(s *State) float64) evaluator { return evaluator{number: of} }

func text(of func(s *State) string) evaluator { return evaluator{text: of} }

// EventBytes returns an upper bound of the memory that one event of a session needs in a State, in bytes.
func (p *Program) EventBytes() int64 {
	const names = 2 * (16 + 48) // a new item and a new category: the name and an entry of a map
	size := unsafe.Sizeof(Event{}) + unsafe.Sizeof(row{}) + uintptr(len(p.views))*4
	size += uintptr(len(p.groupings)+len(p.rankings)) * unsafe.Sizeof(entity{})
	return int64(size)*5/4 + names // append grows long slices by a quarter
}
