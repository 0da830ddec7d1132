package engine

import (
	"fmt"

	"leapline/scorer/frame"
)

// converted returns the unnamed copy of a column in another representation, for a stage that reads another one than the
// previous stage computes. The conversion step is added once per column and representation.
func (p *Program) converted(c *column, form byte, typ frame.Type, run func(from, to *column) Step) *column {
	for _, s := range p.steps {
		if s.name == "" && s.op[0] == form && s.in[0] == c.index {
			return p.columns[s.out[0]]
		}
	}
	to := p.newColumn("", typ, c.Width, true)
	p.steps = append(p.steps, step{Step: run(c, to), op: string(form), in: []int{c.index}, out: []int{to.index}})
	return to
}

// asNumber returns a column of strings converted to numbers.
func (p *Program) asNumber(c *column) *column {
	return p.converted(c, 'n', frame.ScalarOf(frame.Double, false), func(from, to *column) Step {
		return parseStep{from.Name, from.text, p.numberSlot(to)}
	})
}

type parseStep struct {
	name     string
	from, to int
}

func (s parseStep) Run(r *Row) error {
	x, err := parseNumber(r.texts[s.from])
	if err != nil {
		return fmt.Errorf("column %q: %w", s.name, err)
	}
	r.numbers[s.to] = x
	return nil
}

// asText returns a column of numbers converted to strings.
func (p *Program) asText(c *column) *column {
	return p.converted(c, 't', frame.ScalarOf(frame.String, false), func(from, to *column) Step {
		return formatStep{from.number, p.textSlot(to), from.Type.Base == frame.Integer}
	})
}

type formatStep struct {
	from, to int
	integer  bool
}

func (s formatStep) Run(r *Row) error {
	if s.integer {
		r.texts[s.to] = r.FormatLong(int64(r.numbers[s.from]))
	} else {
		r.texts[s.to] = r.FormatDouble(r.numbers[s.from], 64)
	}
	return nil
}

// asDense returns a column of sparse vectors converted to arrays.
func (p *Program) asDense(c *column) *column {
	return p.converted(c, 'd', c.Type, func(from, to *column) Step {
		return denseStep{from.sparse, p.denseOut(to)}
	})
}

type denseStep struct {
	from int
	to   VectorOut
}

func (s denseStep) Run(r *Row) error {
	out := s.to.Buffer(r)
	s.to.SetSparseInSpark(r, true)
	clear(out)
	v := &r.sparse[s.from]
	for k, i := range v.Index {
		out[i] = v.Value[k]
	}
	return nil
}
