package engine

import (
	"fmt"
	"slices"
)

// Plan is the part of a program that some output columns require. It is immutable and safe for concurrent use.
type Plan struct {
	program *Program
	steps   []step
	inputs  []*column
	outputs []*column
}

// Plan returns the stages that the named columns require, or all stages if no column is named.
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
			return nil, fmt.Errorf("the model has no output column %.80q; its outputs are %s", name, names(p.Outputs()))
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

// PlanWithout returns the stages that can run without some inputs of the program. It is an error if the final outputs need one
// of them.
func (p *Program) PlanWithout(missing ...string) (*Plan, error) {
	unavailable := make([]bool, len(p.columns))
	for _, c := range p.inputs {
		unavailable[c] = slices.Contains(missing, p.columns[c].Name)
	}
	for _, s := range p.steps {
		if slices.ContainsFunc(s.in, func(c int) bool { return unavailable[c] }) {
			for _, c := range s.out {
				unavailable[c] = true
			}
		}
	}
	var outputs []string
	for _, c := range p.outputs {
		if name := p.columns[c].Name; !unavailable[c] {
			outputs = append(outputs, name)
		} else if slices.Contains(p.finalOutputs, name) {
			return nil, fmt.Errorf("output %q requires a column that is missing", name)
		}
	}
	return p.Plan(outputs...)
}

// Inputs returns the columns to set on a row, in this order.
func (pl *Plan) Inputs() []Column { return columnsOf(pl.inputs) }

// Outputs returns the columns that a row computes, in the order of the names given to Program.Plan.
func (pl *Plan) Outputs() []Column { return columnsOf(pl.outputs) }

func columnsOf(list []*column) []Column {
	columns := make([]Column, len(list))
	for i, c := range list {
		columns[i] = c.Column
	}
	return columns
}

// NewRow returns the working memory of one goroutine.
func (pl *Plan) NewRow() *Row {
	scratch := make([]any, len(pl.program.scratch))
	for i, make := range pl.program.scratch {
		scratch[i] = make()
	}
	return pl.newRow(scratch)
}

// newRow returns a row with the given scratch memory of the stages.
func (pl *Plan) newRow(scratch []any) *Row {
	size := &pl.program.sizes
	r := &Row{
		plan:        pl,
		numbers:     make([]float64, size.numbers),
		lists:       make([][]string, size.lists),
		texts:       make([]string, size.texts),
		doubles:     make([]float64, size.doubles),
		inputStates: make([]byte, size.states),
		sparseFlags: make([]bool, size.sparseFlags),
		sparse:      make([]SparseVector, len(size.sparseBounds)),
		scratch:     scratch,
	}
	for i, bound := range size.sparseBounds {
		bound = min(bound, maxSparseReserve)
		r.sparse[i] = SparseVector{Index: make([]int32, 0, bound), Value: make([]float64, 0, bound)}
	}
	r.Reset()
	return r
}

// maxSparseReserve limits the elements of a sparse vector for which a row reserves memory in advance.
const maxSparseReserve = 4096
