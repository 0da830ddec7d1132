package engine

import (
	"strings"

	"leapline/scorer/frame"
)

// column is a column with its slots in a row, one per representation. A representation that no stage uses has slot -1.
type column struct {
	Column
	index         int
	computed      bool       // whether a stage computes it
	number        int        // slot in Row.numbers
	text          int        // slot in Row.texts
	list          int        // slot in Row.lists
	dense         int        // slot of the first element in Row.doubles
	sparseInSpark int        // slot in Row.sparseFlags, of a dense vector
	sparse        int        // slot in Row.sparse
	bound         int        // maximum number of non-zero elements of a sparse vector
	state         int        // slot in Row.inputStates, of an input
	trained       frame.Base // Long or Double for an input of strings that was trained on numbers, else Undefined
}

// sizes are the numbers of slots of a row.
type sizes struct {
	numbers, texts, lists, doubles, states, sparseFlags int
	sparseBounds                                        []int // of sparse vectors: maximum number of non-zero elements
}

func (p *Program) newColumn(name string, typ frame.Type, width int, computed bool) *column {
	c := &column{
		Column: Column{Name: name, Type: typ, Width: width}, index: len(p.columns), computed: computed,
		number: -1, text: -1, list: -1, dense: -1, sparseInSpark: -1, sparse: -1, state: -1,
	}
	p.columns = append(p.columns, c)
	if name != "" {
		p.byName[name] = c
		lower := strings.ToLower(name)
		p.byLowerCase[lower] = append(p.byLowerCase[lower], c)
	}
	if !computed {
		c.state = p.sizes.states
		p.sizes.states++
		p.inputs = append(p.inputs, c.index)
	} else if name != "" {
		p.outputs = append(p.outputs, c.index)
	}
	return c
}

func (p *Program) numberSlot(c *column) int {
	if c.number < 0 {
		c.number = p.sizes.numbers
		p.sizes.numbers++
	}
	return c.number
}

func (p *Program) textSlot(c *column) int {
	if c.text < 0 {
		c.text = p.sizes.texts
		p.sizes.texts++
	}
	return c.text
}

func (p *Program) listSlot(c *column) int {
	if c.list < 0 {
		c.list = p.sizes.lists
		p.sizes.lists++
	}
	return c.list
}

func (p *Program) denseSlot(c *column) int {
	if c.dense < 0 {
		c.dense, c.sparseInSpark = p.sizes.doubles, p.sizes.sparseFlags
		p.sizes.doubles += c.Width
		p.sizes.sparseFlags++
	}
	return c.dense
}

func (p *Program) sparseSlot(c *column, bound int) int {
	if c.sparse < 0 {
		c.sparse = len(p.sizes.sparseBounds)
		c.bound = bound
		p.sizes.sparseBounds = append(p.sizes.sparseBounds, bound)
	}
	return c.sparse
}
