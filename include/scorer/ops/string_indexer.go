package ops

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"leapline/scorer/engine"
)

// string_indexer returns the position of a label in its list. With handle_invalid "keep" null and unseen labels have the
// position after the last one; otherwise they are rejected. This includes "skip", because every input row must result in
// an output row.
func init() { engine.Register("string_indexer", newStringIndexer) }

type stringIndexer struct {
	columns []labelColumn
	keep    bool
}

type labelColumn struct {
	in     engine.Text
	out    engine.NumberOut
	labels map[string]float64
	scale  int // number of decimals of all labels, if they come from a decimal column, else 0
}

func newStringIndexer(s *engine.Stage) engine.Step {
	t := stringIndexer{keep: handleInvalid(s, "error", "skip", "keep") == "keep"}
	lists := [][]string{}
	if s.Has("labels_length") {
		n := s.Int("labels_length")
		if n < 1 || n > int64(s.Inputs()) {
			s.Fail("labels_length is %d, expected 1 to the number of input ports, %d", n, s.Inputs())
		}
		for i := range int(n) {
			if s.Failed() {
				return nil
			}
			lists = append(lists, s.Strings(fmt.Sprintf("labels_array_%d", i)))
		}
	} else {
		lists = append(lists, s.Strings("labels"))
	}
	total := 0
	for i, labels := range lists {
		in, out := portNames(s, i, len(lists))
		column := labelColumn{in: s.Text(in), out: s.NewNumber(out), labels: make(map[string]float64, len(labels))}
		for k, label := range labels {
			column.labels[label] = float64(k)
		}
		column.scale = decimalScale(labels)
		if len(column.labels) < len(labels) {
			s.Fail("label list %d has a duplicate label", i)
		}
		t.columns = append(t.columns, column)
		total += len(labels)
	}
	s.Describe("%d labels of %s", total, plural(len(lists), "column"))
	return t
}

// portNames returns the ports of column i: input0 and output0, or input and output for a single column.
func portNames(s *engine.Stage, i, n int) (in, out string) {
	if n == 1 && s.HasInput("input") {
		return "input", "output"
	}
	return fmt.Sprintf("input%d", i), fmt.Sprintf("output%d", i)
}

// plural returns a number with a noun, such as "3 columns".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// handleInvalid returns the attribute handle_invalid, which must be one of the modes. The default is the first mode.
func handleInvalid(s *engine.Stage, modes ...string) string {
	if !s.Has("handle_invalid") {
		return modes[0]
	}
	mode := s.String("handle_invalid")
	for _, m := range modes {
		if mode == m {
			return mode
		}
	}
	s.Fail("handle_invalid is %.40q, expected one of %q", mode, modes)
	return ""
}

func (t stringIndexer) Run(r *engine.Row) error {
	for i := range t.columns {
		c := &t.columns[i]
		label, null, err := c.in.GetNullable(r)
		if err != nil {
			return err
		}
		index, ok := c.index(label)
		if null || !ok {
			if !t.keep {
				return c.unknownLabelError(label, null)
			}
			index = float64(len(c.labels))
		}
		c.out.Set(r, index)
	}
	return nil
}

// index returns the position of a label. A label of a decimal column may have any number of decimals: Spark's labels of a
// decimal(10,2) are strings like "1.50", but the number 1.5 in a request becomes "1.5".
func (c *labelColumn) index(label string) (index float64, ok bool) {
	if index, ok = c.labels[label]; ok || c.scale == 0 {
		return index, ok
	}
	x, err := strconv.ParseFloat(label, 64)
	if err != nil {
		return 0, false
	}
	var buffer [64]byte
	text := strconv.AppendFloat(buffer[:0], x, 'f', c.scale, 64)
	if rounded, err := strconv.ParseFloat(string(text), 64); err != nil || rounded != x {
		return 0, false
	}
	index, ok = c.labels[string(text)]
	return index, ok
}

// decimalScale returns the number of decimals of labels that come from a decimal column: all have the same number of
// decimals, and at least one is not the string of a double. Otherwise it returns 0.
func decimalScale(labels []string) (scale int) {
	double := true
	for i, label := range labels {
		if !decimal.MatchString(label) {
			return 0
		}
		_, decimals, _ := strings.Cut(label, ".")
		if i > 0 && len(decimals) != scale {
			return 0
		}
		scale = len(decimals)
		double = double && (scale == 1 || !strings.HasSuffix(label, "0"))
	}
	if double {
		return 0
	}
	return scale
}

var decimal = regexp.MustCompile(`^-?[0-9]+\.[0-9]{1,38}$`)

func (c *labelColumn) unknownLabelError(label string, null bool) error {
	if null {
		return fmt.Errorf("column %q is null, expected one of %d labels", c.in.Name(), len(c.labels))
	}
	return fmt.Errorf("column %q has label %.80q, expected one of the %d labels seen in training", c.in.Name(), label, len(c.labels))
}
