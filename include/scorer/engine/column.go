package engine

import (
	"leapline/scorer/frame"
)

// column is a column with its places in a row. One that no stage wants in a form has -1 there.
type column struct {
	Column
	index  int
	made   bool // by a stage
	number int  // in Row.numbers
	text   int  // in Row.texts
	dense  int  // first double in Row.doubles
	thin   int  // in Row.thin, of a dense one
	sparse int  // in Row.sparse
	bound  int  // most elements other than zero of a sparse vector
	given  int  // in Row.given, for inputs
}

// sizes count the places of a row.
type sizes struct {
	numbers, texts, doubles, given, thin int
	bounds                               []int // of sparse vectors
}

func (p *Program) newColumn(name string, typ frame.Type, width int, made bool) *column {
	c := &column{
		Column: Column{Name: name, Type: typ, Width: width}, index: len(p.columns), made: made,
		number: -1, text: -1, dense: -1, thin: -1, sparse: -1, given: -1,
	}
	p.columns = append(p.columns, c)
	if name != "" {
		p.byName[name] = c
	}
	if !made {
		c.given = p.sizes.given
		p.sizes.given++
		p.inputs = append(p.inputs, c.index)
	} else if name != "" {
		p.outputs = append(p.outputs, c.index)
	}
	return c
}

func (p *Program) wantNumber(c *column) int {
	if c.number < 0 {
		c.number = p.sizes.numbers
		p.sizes.numbers++
	}
	return c.number
}

func (p *Program) wantText(c *column) int {
	if c.text < 0 {
		c.text = p.sizes.texts
		p.sizes.texts++
	}
	return c.text
}

func (p *Program) wantDense(c *column) int {
	if c.dense < 0 {
		c.dense, c.thin = p.sizes.doubles, p.sizes.thin
		p.sizes.doubles += c.Width
		p.sizes.thin++
	}
	return c.dense
}

func (p *Program) wantSparse(c *column, bound int) int {
	if c.sparse < 0 {
		c.sparse = len(p.sizes.bounds)
		c.bound = bound
		p.sizes.bounds = append(p.sizes.bounds, bound)
	}
	return c.sparse
}
