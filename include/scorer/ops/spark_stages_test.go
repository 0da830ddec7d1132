package ops_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"

	"leapline/scorer/engine"
	bt "leapline/scorer/internal/bundletest"
)

// stageCase is a stage fitted by Spark, with Spark's outputs for some rows (see testdata/spark_stages.py).
type stageCase struct {
	Op, Stage       string
	Attributes      map[string]map[string]json.RawMessage
	Inputs, Outputs map[string]string
	Submodels       []stageCase
	Rows, Want      []map[string]any
	Indices         bool // Want lists the indices of a sparse vector
}

func TestStagesEqualSpark(t *testing.T) {
	var file struct{ Cases []stageCase }
	decode(t, readFile(t, "testdata/spark_stages.json"), &file)
	if len(file.Cases) < 60 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for i, c := range file.Cases {
		for _, format := range bt.Formats {
			t.Run(fmt.Sprintf("%d %s %s %s", i, c.Op, c.Stage, format), func(t *testing.T) { c.compare(t, format) })
		}
	}
}

func (c *stageCase) compare(t *testing.T, format string) {
	program, err := compileStages(format, t, c.stages(t)...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := program.Plan()
	if err != nil {
		t.Fatal(err)
	}
	row := plan.NewRow()
	for k, values := range c.Rows {
		in := cells{}
		for column, value := range values {
			in[column] = sparkValue(value)
		}
		if err := run(row, plan, in); err != nil {
			t.Fatalf("row %d, %v: %v", k, values, err)
		}
		for column, want := range c.Want[k] {
			var got any
			if c.Indices {
				got = indices(row, plan, column)
			} else {
				got = output(row, plan, column)
			}
			if want := sparkValue(want); !equalsSpark(got, want) {
				t.Errorf("row %d, %v: %s is %v, Spark has %v", k, values, column, got, want)
			}
		}
	}
}

// stages returns the stage, after stages that compute its input if the width of that is not an attribute.
func (c *stageCase) stages(t *testing.T) []bt.Stage {
	s := bt.Stage{Name: "stage", Op: c.Op, Attrs: attrs{}}
	for i := range len(c.Inputs) {
		for _, port := range []string{"input", "features", fmt.Sprintf("input%d", i)} {
			if column := c.Inputs[port]; column != "" {
				s.In = append(s.In, port, column)
			}
		}
	}
	for port, column := range c.Outputs {
		s.Out = append(s.Out, port, column)
	}
	for name, value := range c.Attributes {
		for typ, data := range value {
			s.Attrs[name] = attribute(t, typ, data)
		}
	}
	for _, m := range c.Submodels {
		s.Models = append(s.Models, m.stages(t)[0])
	}
	return []bt.Stage{s}
}

func attribute(t *testing.T, typ string, data json.RawMessage) any {
	t.Helper()
	switch typ {
	case "boolean":
		return decoded[bool](t, data)
	case "string":
		return decoded[string](t, data)
	case "int":
		return decoded[bt.Int](t, data)
	case "long":
		return decoded[bt.Long](t, data)
	case "double":
		return decoded[float64](t, data)
	case "strings":
		return decoded[[]string](t, data)
	case "ints":
		return decoded[bt.Ints](t, data)
	case "longs":
		return decoded[[]int64](t, data)
	case "doubles":
		return decoded[[]float64](t, data)
	case "tensor":
		return tensor(decoded[[]float64](t, data)...)
	case "basic_types":
		return decoded[bt.BasicTypes](t, data)
	case "shapes":
		var shapes []bt.Shape
		for _, width := range decoded[[]int](t, data) {
			shapes = append(shapes, bt.Shape{Width: width})
		}
		return shapes
	}
	t.Fatalf("no attribute type %q", typ)
	return nil
}

func decoded[T any](t *testing.T, data json.RawMessage) (value T) {
	t.Helper()
	decode(t, data, &value)
	return value
}

// sparkValue converts a JSON value: lists of numbers to vectors, other lists to lists of strings.
func sparkValue(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	texts, numbers := []string{}, vec{}
	for _, x := range list {
		if text, ok := x.(string); ok {
			if x, err := strconv.ParseFloat(text, 64); err == nil && len(numbers) > 0 {
				numbers = append(numbers, x)
			} else {
				texts = append(texts, text)
			}
		} else {
			numbers = append(numbers, x.(float64))
		}
	}
	if len(numbers) > 0 {
		return numbers
	}
	return texts
}

func indices(row *engine.Row, plan *engine.Plan, name string) any {
	out := vec{}
	for k, c := range plan.Outputs() {
		if c.Name == name {
			for _, i := range row.Sparse(k).Index {
				out = append(out, float64(i))
			}
		}
	}
	return out
}

// equalsSpark compares up to rounding. An empty list may be a list of strings or numbers.
func equalsSpark(got, want any) bool {
	if list, ok := want.([]string); ok && len(list) == 0 {
		switch list := got.(type) {
		case []string:
			return len(list) == 0
		case vec:
			return len(list) == 0
		}
	}
	if w, ok := want.(vec); ok {
		g, ok := got.(vec)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !closeTo(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	if text, ok := want.(string); ok {
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			want = x
		}
	}
	if w, ok := want.(float64); ok {
		g, ok := got.(float64)
		return ok && closeTo(g, w)
	}
	return approximatelyEqual(got, want)
}

// closeTo allows for sums in another order: a relative difference of 1e-12, and an absolute one of 1e-14.
func closeTo(a, b float64) bool {
	return approximatelyEqual(a, b) || math.Abs(a-b) <= 1e-14
}
