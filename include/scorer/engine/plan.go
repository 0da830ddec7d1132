package engine

import (
	"fmt"
	"slices"
)

// Plan is a program cut down to the stages that the wanted columns need. Immutable, safe for many goroutines.
type Plan struct {
	program *Program
	steps   []step
	inputs  []*column
	outputs []*column
}

// Plan keeps the stages that the named columns need; without names it keeps all columns that stages make.
func (p *Program) Plan(outputs ...string) (*Plan, error) {
	plan := &Plan{program: p}
	needed := make([]bool, len(p.columns))
	if len(outputs) == 0 {
		outputs = nil
		for _, c := range p.outputs {
			outputs = append(outputs, p.columns[c].Name)
		}
	}
	for _, name := range outputs {
		c := p.find(name)
		if name == "" || c == nil || !c.computed {
			return nil, fmt.Errorf("the model makes no column %.80q; it makes %s", name, names(p.Outputs()))
		}
		plan.outputs = append(plan.outputs, c)
		needed[c.index] = true
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := p.steps[i]
		if !slices.ContainsFunc(s.out, func(c int) bool { return needed[c] }) {
			continue
		}
		plan.steps = append(plan.steps, s)
		for _, c := range s.in {
			needed[c] = true
		}
	}
	slices.Reverse(plan.steps)
	for _, c := range p.inputs {
		if needed[c] {
			plan.inputs = append(plan.inputs, p.columns[c])
		}
	}
	return plan, nil
}

// Inputs are the columns to set on a row, in this order.
func (pl *Plan) Inputs() []Column { return columnsOf(pl.inputs) }

// Outputs are the columns to read off a row, in the order of Plan's names.
func (pl *Plan) Outputs() []Column { return columnsOf(pl.outputs) }

func columnsOf(list []*column) []Column {
	columns := make([]Column, len(list))
	for i, c := range list {
		columns[i] = c.Column
	}
	return columns
}

// NewRow makes the scratch of one goroutine.
func (pl *Plan) NewRow() *Row {
	size := &pl.program.sizes
	r := &Row{
		plan:        pl,
		numbers:     make([]float64, size.numbers),
		texts:       make([]string, size.texts),
		doubles:     make([]float64, size.doubles),
		inputStates: make([]byte, size.states),
		sparseFlags: make([]bool, size.sparseFlags),
		sparse:      make([]SparseVector, len(size.sparseBounds)),
		scratch:     make([]any, len(pl.program.scratch)),
	}
	for i, bound := range size.sparseBounds {
		bound = min(bound, maxSparseReserve)
		r.sparse[i] = SparseVector{Index: make([]int32, 0, bound), Value: make([]float64, 0, bound)}
	}
	for i, make := range pl.program.scratch {
		r.scratch[i] = make()
	}
	r.Reset()
	return r
}

// maxReserve is how many elements of a sparse vector a row reserves before it meets them.
const maxSparseReserve = 4096
