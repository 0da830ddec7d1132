// Package engine compiles a Bundle.ML archive into a program that scores rows one by one, without allocating memory.
//
//	program, err := engine.Compile(archive)         // immutable, safe for concurrent use
//	plan, err := program.Plan("prediction")         // only the stages these columns require; without names, all columns
//	row := plan.NewRow()                            // memory of one goroutine, to be pooled
//	row.Reset()
//	err = row.SetDouble(i, 3.5)                     // i is an index of plan.Inputs(); see also SetLong, SetText, SetNull, ...
//	err = row.Run()
//	row.Double(k); row.Vector(k); row.Text(k)       // k is an index of plan.Outputs(); valid until the next Reset
//	dst = row.AppendJSON(dst, k)                    // the value as leap frame JSON
//
// Ops are registered by importing leapline/scorer/ops. The setters cast as MLeap does: integers, booleans and numeric
// strings to double, and numbers to Java's string representation for string columns.
package engine

import (
	"fmt"
	"strings"

	"leapline/scorer/bundle"
	"leapline/scorer/frame"
)

// Column describes an input or output column of a stage.
type Column struct {
	Name string
	// Type is the type MLeap declares; for a one-hot encoded column its dimension is the number of categories.
	Type frame.Type
	// Width is the number of elements of a vector column, and 0 for a scalar.
	Width int
}

// Program is a compiled pipeline. It is immutable and safe for concurrent use.
type Program struct {
	stages       []StageInfo
	steps        []step
	columns      []*column
	byName       map[string]*column
	byLowerCase  map[string][]*column
	inputs       []int // columns that no stage computes, in order of first use
	outputs      []int // columns that stages compute, in stage order
	finalOutputs []string
	sizes        sizes
	scratch      []func() any
}

// StageInfo describes a stage, for display.
type StageInfo struct {
	Name        string
	Op          string
	Depth       int // number of enclosing pipelines, without the root
	Inputs      []string
	Outputs     []string
	Detail      string      // sizes in a few words, such as "100 trees, 42096 nodes"
	Selection   []int       // positions in the input of the output's elements, of a stage that selects elements
	SplitCounts map[int]int // number of splits per feature, nil for models without trees
}

// maxDoubles limits the number of elements of a row's vectors.
const maxDoubles = 2 << 20

// Compile returns the program of an archive's pipeline. A pipeline without stages has no inputs and outputs.
func Compile(a *bundle.Archive) (*Program, error) {
	root, err := a.Root()
	if err != nil {
		return nil, err
	}
	p := &Program{byName: map[string]*column{}, byLowerCase: map[string][]*column{}}
	if err := p.add(root, 0); err != nil {
		return nil, err
	}
	p.setFinalOutputs()
	if err := p.setTrainedTypes(a); err != nil {
		return nil, err
	}
	return p, nil
}

// add compiles a node and, for a pipeline, all nodes below it.
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

// setFinalOutputs selects the columns of the last model and of all stages after it.
func (p *Program) setFinalOutputs() {
	from := max(len(p.steps)-1, 0)
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

// Inputs returns the columns that the caller provides, in the order in which stages first read them.
func (p *Program) Inputs() []Column { return p.pick(p.inputs) }

// Outputs returns the columns that stages compute, in stage order.
func (p *Program) Outputs() []Column { return p.pick(p.outputs) }

// FinalOutputs returns the names of the columns of the last model and of the stages after it, a server's default output.
func (p *Program) FinalOutputs() []string { return p.finalOutputs }

// Stages returns descriptions of all stages, in order.
func (p *Program) Stages() []StageInfo { return p.stages }

func (p *Program) pick(indices []int) []Column {
	columns := make([]Column, len(indices))
	for i, c := range indices {
		columns[i] = p.columns[c].Column
	}
	return columns
}

// find returns the column with a name, or nil.
func (p *Program) find(name string) *column { return p.byName[name] }

// resolve returns the column that a stage reads, or nil. Like Spark it ignores case if no column has exactly this name, and
// rejects an ambiguous name.
func (p *Program) resolve(name string) (*column, error) {
	if c := p.byName[name]; c != nil {
		return c, nil
	}
	switch list := p.byLowerCase[strings.ToLower(name)]; len(list) {
	case 0:
		return nil, nil
	case 1:
		return list[0], nil
	default:
		return nil, fmt.Errorf("column %q is ambiguous: %q and %q differ only in case", name, list[0].Name, list[1].Name)
	}
}

// names returns the names of columns for an error message.
func names(columns []Column) string {
	list := make([]string, 0, len(columns))
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}
