// Package engine compiles a Bundle.ML archive into a program that scores rows, one at a time and without allocating.
//
//	program, err := engine.Compile(archive)         // once; immutable, safe for many goroutines
//	plan, err := program.Plan("prediction")         // only the stages that these columns need; no names = all columns
//	row := plan.NewRow()                            // scratch of one goroutine; pool it
//	row.Reset()
//	err = row.SetDouble(i, 3.5)                     // i counts plan.Inputs(); also SetLong, SetBool, SetText, SetNull, ...
//	err = row.Run()
//	row.Double(k); row.Vector(k); row.Text(k)       // k counts plan.Outputs(); valid until the next Reset
//	dst = row.AppendJSON(dst, k)                    // the same as leap-frame JSON
//
// Ops are found by registration: import leapline/scorer/ops for its side effect. Setters cast as MLeap does: whole
// numbers, booleans and numeric strings to double, numbers to the text that Java gives them where a string is wanted.
package engine

import (
	"errors"
	"fmt"
	"strings"

	"leapline/scorer/bundle"
	"leapline/scorer/frame"
)

// Column is one column of data, at the edge of a program or between two stages.
type Column struct {
	Name string
	Type frame.Type // as MLeap declares it; a one-hot column's dimension is its categories
	// Width is the number of doubles of a vector column, 0 for scalars.
	Width int
}

// Program is a compiled pipeline.
type Program struct {
	stages       []StageInfo
	steps        []step
	columns      []*column
	byName       map[string]*column
	inputs       []int // columns that no stage makes, in order of first use
	outputs      []int // columns that stages make, in stage order
	finalOutputs []string
	sizes        sizes
	scratch      []func() any
}

// StageInfo describes a stage for people.
type StageInfo struct {
	Name        string
	Op          string
	Depth       int // pipelines above it
	Inputs      []string
	Outputs     []string
	Detail      string      // sizes in a few words, such as "100 trees, 42096 nodes"
	SplitCounts map[int]int // how often a model's splits use each feature; nil where that means nothing
}

// maxDoubles bounds the memory of a row's vectors.
const maxDoubles = 2 << 20

// Compile reads every stage of an archive and binds its ports to columns.
func Compile(a *bundle.Archive) (*Program, error) {
	root, err := a.Root()
	if err != nil {
		return nil, err
	}
	p := &Program{byName: map[string]*column{}}
	if err := p.add(root, 0); err != nil {
		return nil, err
	}
	if len(p.outputs) == 0 {
		return nil, &bundle.Error{Entry: root.Dir, Err: errors.New("makes no column")}
	}
	if p.sizes.doubles > maxDoubles {
		return nil, &bundle.Error{Entry: root.Dir, Err: fmt.Errorf("takes %d doubles a row, the limit is %d", p.sizes.doubles, maxDoubles)}
	}
	p.setFinalOutputs()
	return p, nil
}

// add compiles a node and, for a pipeline, all below it.
func (p *Program) add(node *bundle.Node, depth int) error {
	if node.Model.Op == "pipeline" {
		if depth > 0 {
			p.stages = append(p.stages, StageInfo{Name: node.Name, Op: node.Model.Op, Depth: depth - 1})
		}
		for _, child := range node.Children {
			if err := p.add(child, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	build, err := lookup(node.Model)
	if err != nil {
		return err
	}
	s := &Stage{program: p, node: node, info: StageInfo{Name: node.Name, Op: node.Model.Op, Depth: max(depth-1, 0)}}
	run := build(s)
	return s.finish(run)
}

// setFinals picks what a caller wants who names no columns: what the last model makes, and all after it.
func (p *Program) setFinalOutputs() {
	from := len(p.steps) - 1
	for i, s := range p.steps {
		if s.predicts {
			from = i
		}
	}
	for _, s := range p.steps[from:] {
		for _, c := range s.out {
			if p.columns[c].Name != "" {
				p.finalOutputs = append(p.finalOutputs, p.columns[c].Name)
			}
		}
	}
}

// Inputs are the columns that a caller gives, in the order in which stages first read them.
func (p *Program) Inputs() []Column { return p.pick(p.inputs) }

// Outputs are the columns that stages make, in stage order.
func (p *Program) Outputs() []Column { return p.pick(p.outputs) }

// Finals names what the last model and the stages after it make: the default answer of a server.
func (p *Program) FinalOutputs() []string { return p.finalOutputs }

// Stages describes every stage, in order.
func (p *Program) Stages() []StageInfo { return p.stages }

func (p *Program) pick(indices []int) []Column {
	columns := make([]Column, len(indices))
	for i, c := range indices {
		columns[i] = p.columns[c].Column
	}
	return columns
}

func (p *Program) find(name string) *column { return p.byName[name] }

// names lists columns for an error message.
func names(columns []Column) string {
	list := make([]string, 0, len(columns))
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}
