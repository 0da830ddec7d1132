// Package transform scores leap frames in JSON as MLeap's servers do: the response has all columns of the request verbatim,
// followed by the columns that the model computes.
//
//	t, err := transform.New(program)        // one per goroutine, to be pooled
//	out, rows, err := t.Append(nil, body)   // body must not change during the call
//
// Columns are bound by name, in any order. A column that the model does not read is copied after its type has been checked.
// A null in a column of doubles that is not nullable is NaN.
package transform

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

// Transformer scores one frame at a time. It keeps the binding of the last schema, because callers repeat their schema.
type Transformer struct {
	// BeforeRow, if set, is called before each row is read and again before it is appended to the response, with its number
	// and the response's size so far. An error aborts the frame.
	BeforeRow func(row, size int) error

	afterRow func(*engine.Row) // called after each row
	program  *engine.Program   // nil if the plan is fixed
	full     *engine.Plan      // computes all columns
	plan     *engine.Plan      // plan for the bound schema
	block    *engine.Block
	cells    [][2]int    // for each row of the block, the positions of its values in the body
	row      *engine.Row // the row that is being read
	scan     jsonscan.Scanner
	tensor   frame.TensorValue
	texts    []string

	schema  []byte // JSON of the bound schema
	fields  []frame.Field
	inputOf []int  // index of the plan's input for each field, or -1
	head    []byte // start of the response, up to its rows
	outputs int    // number of columns that the model computes
}

// New returns a transformer that computes all columns of a program. If a frame lacks inputs that the final outputs do not need,
// such as the label, it leaves out the columns that depend on them.
func New(p *engine.Program) (*Transformer, error) {
	plan, err := p.Plan()
	if err != nil {
		return nil, err
	}
	t := ForPlan(plan)
	t.program = p
	return t, nil
}

// ForPlan returns a transformer that computes the columns of a plan.
func ForPlan(plan *engine.Plan) *Transformer {
	return &Transformer{full: plan, plan: plan, block: plan.NewBlock(), outputs: len(plan.Outputs())}
}

// SaveInputs scores a frame and returns the inputs of its rows, which rows of the same plan can load.
func (t *Transformer) SaveInputs(body []byte) (saved []*engine.SavedInputs, err error) {
	t.afterRow = func(row *engine.Row) { saved = append(saved, row.Save()) }
	defer func() { t.afterRow = nil }()
	_, _, err = t.Append(nil, body)
	return saved, err
}

// Append appends the response to one frame and returns the number of its rows. After an error it returns dst unchanged.
func (t *Transformer) Append(dst, body []byte) (out []byte, rows int, err error) {
	t.scan.Reset(body)
	resp := response{dst: dst, deferredRows: -1}
	if err = t.readFrame(&resp); err == nil {
		err = t.scan.End()
	}
	if err == nil && resp.bound && resp.deferredRows >= 0 {
		t.scan.Seek(resp.deferredRows)
		err = t.appendRows(&resp)
	}
	if err == nil && !resp.complete {
		err = errors.New("leap frame requires a schema and rows")
	}
	if err != nil {
		return dst, 0, err
	}
	return append(resp.dst, '}'), resp.rows, nil
}

// response is the progress of reading a frame and writing the response.
type response struct {
	dst          []byte
	rows         int
	bound        bool // whether the schema has been read
	deferredRows int  // position of rows that precede the schema, or -1
	complete     bool // whether the rows have been scored
}

// readFrame reads the keys of a frame, in any order.
func (t *Transformer) readFrame(resp *response) error {
	s := &t.scan
	if err := s.Object(); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if !more || err != nil {
			return err
		}
		switch string(key) {
		case "schema":
			if resp.bound {
				return s.Errorf("%q is duplicated", key)
			}
			resp.bound = true
			err = t.readSchema()
		case "rows":
			if resp.complete || resp.deferredRows >= 0 {
				return s.Errorf("%q is duplicated", key)
			}
			err = t.readRows(resp)
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// readRows scores the rows, or defers them if the schema has not been read yet.
func (t *Transformer) readRows(resp *response) error {
	if resp.bound {
		return t.appendRows(resp)
	}
	t.scan.Peek()
	resp.deferredRows = t.scan.Pos()
	return t.scan.Skip()
}

// readSchema reads the schema and binds it, unless it equals that of the previous frame.
func (t *Transformer) readSchema() error {
	s := &t.scan
	s.Peek()
	if n := len(t.schema); n > 0 && bytes.HasPrefix(s.Rest(), t.schema) {
		s.Seek(s.Pos() + n)
		return nil
	}
	start := s.Pos()
	t.schema = t.schema[:0]
	schema, err := frame.ParseSchema(s)
	if err != nil {
		return err
	}
	if err := t.bind(schema); err != nil {
		return err
	}
	t.schema = append(t.schema, s.From(start)...)
	return nil
}

// bind assigns the columns of the frame to the model's inputs.
func (t *Transformer) bind(schema frame.Schema) error {
	t.fields = schema.Fields
	t.inputOf = make([]int, len(schema.Fields))
	for i := range t.inputOf {
		t.inputOf[i] = -1
	}
	position := make(map[string]int, len(schema.Fields))
	for i, f := range schema.Fields {
		position[f.Name] = i
	}
	t.choosePlan(schema)
	for i, c := range t.plan.Inputs() {
		at, err := findField(schema, position, c)
		if err != nil {
			return err
		}
		if err := checkCast(schema.Fields[at], c); err != nil {
			return err
		}
		t.inputOf[at] = i
	}
	all := frame.Schema{Fields: schema.Fields[:len(schema.Fields):len(schema.Fields)]}
	for _, c := range t.plan.Outputs() {
		if _, exists := position[c.Name]; exists {
			return fmt.Errorf("column %q is an output of the model and must not be in the frame", c.Name)
		}
		all.Fields = append(all.Fields, frame.Field{Name: c.Name, Type: c.Type})
	}
	t.head = all.AppendJSON(append(t.head[:0], `{"schema":`...))
	t.head = append(t.head, `,"rows":`...)
	return nil
}

// choosePlan sets the plan for a schema: the plan for all columns, or a plan without the columns whose inputs the schema lacks.
// If the final outputs need a missing input, the plan stays complete, and binding it reports the input.
func (t *Transformer) choosePlan(schema frame.Schema) {
	plan := t.full
	var missing []string
	for _, c := range plan.Inputs() {
		if !slices.ContainsFunc(schema.Fields, func(f frame.Field) bool { return strings.EqualFold(f.Name, c.Name) }) {
			missing = append(missing, c.Name)
		}
	}
	if t.program != nil && len(missing) > 0 {
		if reduced, err := t.program.PlanWithout(missing...); err == nil {
			plan = reduced
		}
	}
	if plan != t.plan {
		t.plan, t.block, t.outputs = plan, plan.NewBlock(), len(plan.Outputs())
	}
}

// findField returns the position of the field for an input of the model. Like Spark it ignores case if no field has exactly
// the name of the input, and rejects an ambiguous name.
func findField(schema frame.Schema, position map[string]int, c engine.Column) (at int, err error) {
	if at, ok := position[c.Name]; ok {
		return at, nil
	}
	at = -1
	for i, f := range schema.Fields {
		if !strings.EqualFold(f.Name, c.Name) {
			continue
		}
		if at >= 0 {
			return 0, fmt.Errorf("column %q is ambiguous: %q and %q differ only in case", c.Name, schema.Fields[at].Name, f.Name)
		}
		at = i
	}
	if at < 0 {
		return 0, fmt.Errorf("column %q (%s) is missing", c.Name, c.Type)
	}
	return at, nil
}

// checkCast rejects a column whose type cannot be cast to the model's input type.
func checkCast(have frame.Field, want engine.Column) error {
	scalar := have.Type.Kind == frame.Scalar && have.Type.Base != frame.ByteString
	tensor := have.Type.Kind == frame.Tensor && have.Type.Base.Numeric()
	list := have.Type.Kind == frame.List && have.Type.Base == frame.String
	if (want.Type.Kind == frame.Scalar && scalar) || (want.Type.Kind == frame.Tensor && tensor) || (want.Type.Kind == frame.List && list) {
		return nil
	}
	return fmt.Errorf("column %q is a %s, expected a %s", have.Name, have.Type, want.Type)
}
