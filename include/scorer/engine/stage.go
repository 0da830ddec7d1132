package engine

import (
	"errors"
	"fmt"
	"slices"

	"leapline/scorer/bundle"
	"leapline/scorer/frame"
)

// Stage is a Builder's access to one node of the pipeline: its attributes, ports and columns. After the first error all
// calls return zero values.
type Stage struct {
	program    *Program
	node       *bundle.Node
	info       StageInfo
	in, out    []int // columns that the stage reads and computes
	outPorts   map[string]*column
	nextSocket int // input socket to look up first
	predicts   bool
	err        error
}

// step is a compiled stage, or the conversion of a column to another representation.
type step struct {
	Step
	name     string // "" for conversions
	op       string
	in, out  []int
	predicts bool
}

// Fail records an error in the model. The error names the model's entry.
func (s *Stage) Fail(format string, args ...any) { s.fail(fmt.Errorf(format, args...)) }

func (s *Stage) fail(err error) {
	if s.err != nil {
		return
	}
	var named *bundle.Error
	if !errors.As(err, &named) {
		err = &bundle.Error{Entry: s.node.Model.Entry, Err: err}
	}
	s.err = err
}

// Failed reports whether an error has been recorded.
func (s *Stage) Failed() bool { return s.err != nil }

// Predicts marks the stage as a model, whose output columns are final outputs.
func (s *Stage) Predicts() { s.predicts = true }

// Describe sets a short description of the stage's size, for display.
func (s *Stage) Describe(format string, args ...any) { s.info.Detail = fmt.Sprintf(format, args...) }

// SetSplitCounts sets the number of splits per feature, for display.
func (s *Stage) SetSplitCounts(counts map[int]int) { s.info.SplitCounts = counts }

// SetSelection sets the positions in the input of the output's elements, from which the names of these follow.
func (s *Stage) SetSelection(positions []int) { s.info.Selection = positions }

// Node returns the stage's node, for models with files besides the model file.
func (s *Stage) Node() *bundle.Node { return s.node }

// Scratch requests working memory for this stage, for use within one call of Run. Each row, or each block of rows, calls make
// once, and Row.Scratch(id) returns the result.
func (s *Stage) Scratch(make func() any) (id int) {
	s.program.scratch = append(s.program.scratch, make)
	return len(s.program.scratch) - 1
}

// Submodel compiles the model in a folder of the stage's node, which reads the same input columns, and returns a port that
// reads its output port of vectors.
func (s *Stage) Submodel(folder, port string) Vector {
	if s.err != nil {
		return Vector{}
	}
	node, err := s.node.Submodel(folder)
	if err != nil {
		s.fail(err)
		return Vector{}
	}
	build, err := lookup(node.Model)
	if err != nil {
		s.fail(err)
		return Vector{}
	}
	sub := &Stage{program: s.program, node: node, info: StageInfo{Name: node.Name, Op: node.Model.Op}}
	if err := sub.addStep(build(sub)); err != nil {
		s.fail(err)
		return Vector{}
	}
	c := sub.outPorts[port]
	if c == nil || c.dense < 0 {
		s.fail(&bundle.Error{Entry: node.Model.Entry, Err: fmt.Errorf("op %s has no output %q", node.Model.Op, port)})
		return Vector{}
	}
	s.in = append(s.in, c.index)
	return s.program.denseIn(c)
}

// finish adds the stage and its description to the program.
func (s *Stage) finish(run Step) error {
	if err := s.addStep(run); err != nil {
		return err
	}
	p := s.program
	for _, socket := range s.node.Inputs {
		name := socket.Name
		if c, _ := p.resolve(name); c != nil {
			name = c.Name
		}
		s.info.Inputs = append(s.info.Inputs, name)
	}
	for _, c := range s.out {
		if name := p.columns[c].Name; name != "" {
			s.info.Outputs = append(s.info.Outputs, name)
		}
	}
	p.stages = append(p.stages, s.info)
	return nil
}

// addStep adds the stage's step to the program.
func (s *Stage) addStep(run Step) error {
	if s.err == nil && run == nil {
		s.Fail("the builder of op %s returned no step", s.node.Model.Op)
	}
	if s.err != nil {
		return s.err
	}
	if n := s.program.sizes.doubles; n > maxDoubles {
		s.Fail("the pipeline requires %d doubles per row, the limit is %d", n, maxDoubles)
		return s.err
	}
	s.program.steps = append(s.program.steps,
		step{Step: run, name: s.info.Name, op: s.info.Op, in: s.in, out: s.out, predicts: s.predicts})
	return nil
}

// Inputs returns the number of the node's input ports.
func (s *Stage) Inputs() int { return len(s.node.Inputs) }

// Has reports whether the model has an attribute.
func (s *Stage) Has(name string) bool { return s.node.Model.Has(name) }

func read[T any](s *Stage, get func(string) (T, error), name string) (zero T) {
	if s.err != nil {
		return zero
	}
	value, err := get(name)
	if err != nil {
		s.fail(err)
	}
	return value
}

// Long returns a scalar attribute of type long.
func (s *Stage) Long(name string) int64 { return read(s, s.node.Model.Long, name) }

// Int returns a scalar attribute of type int.
func (s *Stage) Int(name string) int64 { return read(s, s.node.Model.Int, name) }

// Bool returns a scalar attribute of type boolean.
func (s *Stage) Bool(name string) bool { return read(s, s.node.Model.Bool, name) }

// Float returns a scalar attribute of type double. A JSON null is an error.
func (s *Stage) Float(name string) float64 { return read(s, s.node.Model.Double, name) }

// FloatOrNull returns a scalar attribute of type double. A JSON null is NaN.
func (s *Stage) FloatOrNull(name string) float64 { return read(s, s.node.Model.DoubleOrNull, name) }

// String returns a scalar attribute of type string.
func (s *Stage) String(name string) string { return read(s, s.node.Model.Text, name) }

// Longs returns an attribute of type list of long.
func (s *Stage) Longs(name string) []int64 { return read(s, s.node.Model.Longs, name) }

// Ints returns an attribute of type list of int.
func (s *Stage) Ints(name string) []int64 { return read(s, s.node.Model.Ints, name) }

// Floats returns an attribute of type list of double. A JSON null is an error.
func (s *Stage) Floats(name string) []float64 { return read(s, s.node.Model.Doubles, name) }

// FloatsOrNull returns an attribute of type list of double. A JSON null is NaN.
func (s *Stage) FloatsOrNull(name string) []float64 { return read(s, s.node.Model.DoublesOrNull, name) }

// Strings returns an attribute of type list of string.
func (s *Stage) Strings(name string) []string { return read(s, s.node.Model.Texts, name) }

// BasicTypes returns the names in an attribute of type list of basic_type.
func (s *Stage) BasicTypes(name string) []string { return read(s, s.node.Model.BasicTypes, name) }

// Tensor returns the values of a tensor of double with one dimension.
func (s *Stage) Tensor(name string) []float64 { return read(s, s.node.Model.Vector, name) }

// Tensors returns an attribute of type list of tensor of double.
func (s *Stage) Tensors(name string) []bundle.Tensor { return read(s, s.node.Model.Tensors, name) }

// Shape returns a scalar attribute of type data_shape.
func (s *Stage) Shape(name string) bundle.Shape { return read(s, s.node.Model.Shape, name) }

// Shapes returns an attribute of type list of data_shape.
func (s *Stage) Shapes(name string) []bundle.Shape { return read(s, s.node.Model.Shapes, name) }

// Matrix returns the values of a tensor of double with two dimensions, column by column.
func (s *Stage) Matrix(name string) (rows, cols int, values []float64) {
	if s.err != nil {
		return 0, 0, nil
	}
	rows, cols, values, err := s.node.Model.Matrix(name)
	if err != nil {
		s.fail(err)
	}
	return rows, cols, values
}

// Size returns a scalar attribute of type long that must be from 1 to limit.
func (s *Stage) Size(name string, limit int) int {
	n := s.Long(name)
	if s.err == nil && (n < 1 || n > int64(limit)) {
		s.Fail("attribute %q is %d, expected 1 to %d", name, n, limit)
	}
	if s.err != nil {
		return 0
	}
	return int(n)
}

// inputColumn returns the column bound to an input port. A column that no stage computes becomes an input of the program.
func (s *Stage) inputColumn(port string, typ frame.Type, width int) *column {
	if s.err != nil {
		return nil
	}
	name := s.inputName(port)
	if name == "" {
		s.Fail("op %s requires a column on its input port %q", s.node.Model.Op, port)
		return nil
	}
	c, err := s.program.resolve(name)
	if err != nil {
		s.fail(err)
		return nil
	}
	if c == nil {
		c = s.program.newColumn(name, typ, width, false)
	}
	if typ.Kind != c.Type.Kind {
		s.Fail("column %q is a %s, expected a %s", name, c.Type, typ)
		return nil
	}
	if width > 0 && c.Width != width {
		s.Fail("column %q has %d values, expected %d", name, c.Width, width)
		return nil
	}
	return c
}

// inputName returns the name of the column on an input port, or "". Ports are nearly always looked up in the order of the
// file, so each search starts after the previous result.
func (s *Stage) inputName(port string) string {
	sockets := s.node.Inputs
	for range sockets {
		k := sockets[s.nextSocket%len(sockets)]
		s.nextSocket++
		if k.Port == port {
			return k.Name
		}
	}
	return ""
}

// HasInput reports whether the node binds an input port.
func (s *Stage) HasInput(port string) bool { return hasPort(s.node.Inputs, port) }

// HasOutput reports whether the node binds an output port.
func (s *Stage) HasOutput(port string) bool { return hasPort(s.node.Outputs, port) }

func hasPort(sockets []bundle.Socket, port string) bool {
	return slices.ContainsFunc(sockets, func(k bundle.Socket) bool { return k.Port == port })
}

// outputColumn creates the column bound to an output port, or an unnamed column if the node does not bind the port.
func (s *Stage) outputColumn(port string, typ frame.Type, width int) *column {
	if s.err != nil {
		return nil
	}
	name := ""
	for _, socket := range s.node.Outputs {
		if socket.Port == port {
			name = socket.Name
		}
	}
	if name != "" && s.program.find(name) != nil {
		s.Fail("column %q already exists, but is an output of stage %s", name, s.info.Name)
		return nil
	}
	c := s.program.newColumn(name, typ, width, true)
	s.out = append(s.out, c.index)
	if s.outPorts == nil {
		s.outPorts = map[string]*column{}
	}
	s.outPorts[port] = c
	return c
}
