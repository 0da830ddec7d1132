package engine

import (
	"fmt"
	"strconv"

	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// Row is the working memory for one row, for use by one goroutine at a time.
type Row struct {
	plan        *Plan
	numbers     []float64
	texts       []string
	lists       [][]string
	doubles     []float64
	sparse      []SparseVector
	inputStates []byte
	sparseFlags []bool // of dense vectors: whether Spark would store them sparse
	scratch     []any
	textBuffer  []byte // strings converted from numbers
}

// The states of an input.
const (
	stateMissing = iota
	stateNull
	statePresent
)

// Reset marks every input as missing. A stage that reads a missing input fails with the column's name.
func (r *Row) Reset() {
	clear(r.inputStates)
	r.textBuffer = r.textBuffer[:0]
}

// Scratch returns the memory that a stage has requested by Stage.Scratch. Rows of a Block share it.
func (r *Row) Scratch(id int) any { return r.scratch[id] }

func (r *Row) missingError(c *column) error {
	if r.inputStates[c.state] == stateNull {
		return fmt.Errorf("column %q is null, expected a value", c.Name)
	}
	return fmt.Errorf("column %q is missing", c.Name)
}

func (c *column) typeError(actual string) error {
	return fmt.Errorf("column %q is %s, expected a %s", c.Name, actual, c.Type)
}

// SetNull sets the plan's input i to null.
func (r *Row) SetNull(i int) { r.inputStates[r.plan.inputs[i].state] = stateNull }

// SetDouble sets the plan's input i from a double.
func (r *Row) SetDouble(i int, x float64) error {
	c := r.plan.inputs[i]
	if c.number >= 0 {
		r.numbers[c.number] = x
	}
	if c.text >= 0 {
		r.texts[c.text] = r.formatNumber(c, x, 64)
	}
	return r.setScalar(c, "a number")
}

// SetFloat sets the plan's input i from a 32-bit float.
func (r *Row) SetFloat(i int, x float32) error {
	c := r.plan.inputs[i]
	if c.number >= 0 {
		r.numbers[c.number] = float64(x)
	}
	if c.text >= 0 {
		r.texts[c.text] = r.formatNumber(c, float64(x), 32)
	}
	return r.setScalar(c, "a number")
}

// SetLong sets the plan's input i from an integer.
func (r *Row) SetLong(i int, n int64) error {
	c := r.plan.inputs[i]
	if c.number >= 0 {
		r.numbers[c.number] = float64(n)
	}
	if c.text >= 0 {
		r.texts[c.text] = r.formatLong(c, n)
	}
	return r.setScalar(c, "a number")
}

// SetBool sets the plan's input i from a boolean, which becomes 1 or 0, or "true" or "false".
func (r *Row) SetBool(i int, b bool) error {
	c := r.plan.inputs[i]
	x, text := 0.0, "false"
	if b {
		x, text = 1, "true"
	}
	if c.number >= 0 {
		r.numbers[c.number] = x
	}
	if c.text >= 0 {
		r.texts[c.text] = text
	}
	return r.setScalar(c, "a boolean")
}

// SetText sets the plan's input i from a string, whose memory must not change until the row has run.
func (r *Row) SetText(i int, text string) error {
	c := r.plan.inputs[i]
	if c.number >= 0 {
		x, err := parseNumber(text)
		if err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		r.numbers[c.number] = x
	}
	if c.text >= 0 {
		r.texts[c.text] = r.formatText(c, text)
	}
	return r.setScalar(c, "a string")
}

func (r *Row) setScalar(c *column, description string) error {
	if c.Type.Kind != frame.Scalar {
		return c.typeError(description)
	}
	r.inputStates[c.state] = statePresent
	return nil
}

// SetTextList sets the plan's input i from a copy of a list of strings, whose memory must not change until the row has run.
func (r *Row) SetTextList(i int, list []string) error {
	c := r.plan.inputs[i]
	if c.Type.Kind != frame.List {
		return c.typeError("a list of strings")
	}
	r.lists[c.list] = append(r.lists[c.list][:0], list...)
	r.inputStates[c.state] = statePresent
	return nil
}

// SetVector sets the plan's input i from a copy of an array.
func (r *Row) SetVector(i int, values []float64) error {
	c := r.plan.inputs[i]
	if c.Type.Kind != frame.Tensor {
		return c.typeError("a vector")
	}
	if len(values) != c.Width {
		return fmt.Errorf("column %q has %d values, expected %d", c.Name, len(values), c.Width)
	}
	if c.dense >= 0 {
		copy(r.doubles[c.dense:c.dense+c.Width], values)
		r.sparseFlags[c.sparseInSpark] = false
	}
	if c.sparse >= 0 {
		v := VectorOut{slot: c.sparse}.SparseBuffer(r)
		for k, x := range values {
			if x != 0 {
				v.Add(k, x)
			}
		}
	}
	r.inputStates[c.state] = statePresent
	return nil
}

// SetSparse sets the plan's input i, a vector of size elements, from a copy of ascending indices and their values.
func (r *Row) SetSparse(i, size int, index []int32, values []float64) error {
	c := r.plan.inputs[i]
	if c.Type.Kind != frame.Tensor {
		return c.typeError("a vector")
	}
	if size != c.Width || len(index) != len(values) {
		return fmt.Errorf("column %q has %d values, expected %d", c.Name, size, c.Width)
	}
	last := int32(-1)
	for _, k := range index {
		if k <= last || int(k) >= c.Width {
			return fmt.Errorf("column %q has index %d after %d, expected ascending indices below %d", c.Name, k, last, c.Width)
		}
		last = k
	}
	if c.dense >= 0 {
		out := r.doubles[c.dense : c.dense+c.Width]
		clear(out)
		for n, k := range index {
			out[k] = values[n]
		}
		r.sparseFlags[c.sparseInSpark] = true
	}
	if c.sparse >= 0 {
		v := VectorOut{slot: c.sparse}.SparseBuffer(r)
		v.Index, v.Value = append(v.Index, index...), append(v.Value, values...)
	}
	r.inputStates[c.state] = statePresent
	return nil
}

// Run computes the plan's outputs from its inputs. Errors name the stage and the column.
func (r *Row) Run() error { return r.run(r.plan.steps) }

func (r *Row) run(steps []step) error {
	for i := range steps {
		if err := steps[i].Run(r); err != nil {
			return steps[i].wrap(err)
		}
	}
	return nil
}

// Double returns the plan's output k, a number.
func (r *Row) Double(k int) float64 { return r.numbers[r.plan.outputs[k].number] }

// Text returns the plan's output k, a string.
func (r *Row) Text(k int) string { return r.texts[r.plan.outputs[k].text] }

// TextList returns the plan's output k, a list of strings. It is valid until the row runs again.
func (r *Row) TextList(k int) []string { return r.lists[r.plan.outputs[k].list] }

// Vector returns the plan's output k, a vector stored as an array (see IsSparse). It is valid until the row runs again.
func (r *Row) Vector(k int) []float64 {
	c := r.plan.outputs[k]
	return r.doubles[c.dense : c.dense+c.Width]
}

// IsSparse reports whether the plan's output k is a vector stored as indices and values, which Sparse returns.
func (r *Row) IsSparse(k int) bool { return r.plan.outputs[k].sparse >= 0 }

// Sparse returns the plan's output k, a vector stored as indices and values. It is valid until the row runs again.
func (r *Row) Sparse(k int) *SparseVector { return &r.sparse[r.plan.outputs[k].sparse] }

// AppendJSON appends the plan's output k in the JSON form of a leap frame.
func (r *Row) AppendJSON(dst []byte, k int) []byte {
	c := r.plan.outputs[k]
	switch {
	case c.text >= 0:
		return jsonscan.AppendString(dst, r.texts[c.text])
	case c.list >= 0:
		return appendTextList(dst, r.lists[c.list])
	case c.number >= 0 && c.Type.Base == frame.Integer:
		return strconv.AppendInt(dst, int64(r.numbers[c.number]), 10)
	case c.number >= 0:
		return jsonscan.AppendFloat(dst, r.numbers[c.number])
	case c.sparse >= 0:
		v := &r.sparse[c.sparse]
		return frame.AppendSparse(dst, c.Width, v.Index, v.Value)
	}
	return frame.AppendVector(dst, r.doubles[c.dense:c.dense+c.Width], r.sparseFlags[c.sparseInSpark])
}

func appendTextList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, text := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsonscan.AppendString(dst, text)
	}
	return append(dst, ']')
}
