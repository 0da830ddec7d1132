package examples

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"leapline/cleaner/internal/frames"
	"leapline/scorer/features"
)

const spec = `{"version": 1, "unit": %[1]q, "features": [
	{"name": "device", "op": "attribute", "of": "device"%[2]s},
	{"name": "n", "op": "count"},
	{"name": "p1", "op": "popular", "of": "item", "vocabulary": "words", "k": 1, "give": "clicks"%[2]s}]}`

// event is a clean event; times are in seconds.
type event struct {
	session, id, kind, item string
	at                      int64
}

// table returns what a task sends for events.
func table(t *testing.T, events []event) (int, []*frames.Column) {
	t.Helper()
	var buffer bytes.Buffer
	writer := frames.NewWriter(&buffer)
	output := frames.NewOutput(writer.Table, columnKinds)
	for _, e := range events {
		c := output.Columns
		c[sessionColumn].Text(e.session, true)
		c[visitorColumn].Text("v", true)
		c[idColumn].Text(e.id, true)
		c[timeColumn].Long(e.at*1_000_000, true)
		c[kindColumn].Text(e.kind, true)
		c[itemColumn].Text(e.item, e.item != "")
		c[deviceColumn].Text("Mobile", true)
		for _, i := range []int{pageColumn, categoryColumn, referrerColumn} {
			c[i].Text("", false)
		}
		c[priceColumn].Double(0, false)
		c[quantityColumn].Int(0, false)
		c[indexColumn].Int(1, true)
		output.End()
	}
	return read(t, &buffer, output, writer)
}

func read(t *testing.T, buffer *bytes.Buffer, output *frames.Output, writer *frames.Writer) (int, []*frames.Column) {
	t.Helper()
	if err := output.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := writer.Flush(); err != nil {
		t.Fatal(err)
	}
	in := frames.NewReader(buffer)
	if kind, err := in.Kind(); kind != frames.Table || err != nil {
		t.Fatalf("a frame of kind %q, %v", kind, err)
	}
	rows, columns, err := in.Table()
	if err != nil {
		t.Fatal(err)
	}
	return rows, columns
}

// examplesOf returns the rows of the examples as texts.
func examplesOf(t *testing.T, spec string, perSession int, events []event) []string {
	t.Helper()
	var buffer bytes.Buffer
	writer := frames.NewWriter(&buffer)
	result, err := NewTable(writer, spec, perSession)
	if err != nil {
		t.Fatal(err)
	}
	reader := NewReader(result.Add)
	for _, part := range [][]event{events[:1], events[1:]} { // a session may be in several frames
		n, columns := table(t, part)
		if err := reader.Add(n, columns); err != nil {
			t.Fatal(err)
		}
	}
	if err := reader.End(); err != nil {
		t.Fatal(err)
	}
	rows, columns := read(t, &buffer, result.output, writer)
	texts := make([]string, rows)
	for i := range rows {
		values := []string{}
		for _, c := range columns {
			switch c.Kind() {
			case 's':
				values = append(values, c.TextAt(i))
			case 'i':
				values = append(values, fmt.Sprint(c.IntAt(i)))
			case 'l':
				values = append(values, fmt.Sprint(c.LongAt(i)))
			default:
				values = append(values, fmt.Sprint(c.DoubleAt(i)))
			}
		}
		texts[i] = strings.Join(values, " ")
	}
	return texts
}

var shopping = []event{
	{"a", "1", "item_view", "x", 1},
	{"a", "2", "item_view", "b", 2},
	{"a", "3", "item_view", "x", 3},
	{"a", "4", "checkout", "", 4},
	{"a", "5", "purchase_item", "x", 5},
	{"b", "1", "purchase", "", 6},
	{"c", "1", "search", "", 7},
}

func TestExamplesOfSessions(t *testing.T) {
	rows := examplesOf(t, fmt.Sprintf(spec, "session", ""), 1, shopping)
	want := []string{
		`a 3 v 1000000 Mobile 1 1 1 Mobile 3 [{"id":"b","clicks":1,"ms":1000},{"id":"x","clicks":2,"ms":1000}] ggg`,
		`c 1 v 7000000 Mobile 1 1 0 Mobile 1 [] j`,
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%q, expected %q", rows, want)
	}
}

func TestExamplesOfPairs(t *testing.T) {
	rows := examplesOf(t, fmt.Sprintf(spec, "pair", `, "scope": "session"`), 1, shopping)
	want := []string{
		`a x v 1000000 Mobile 1 1 2 Mobile [{"id":"b","clicks":1,"ms":1000},{"id":"x","clicks":2,"ms":1000}]`,
		`a b v 1000000 Mobile 1 0 1 Mobile [{"id":"b","clicks":1,"ms":1000},{"id":"x","clicks":2,"ms":1000}]`,
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%q, expected %q", rows, want)
	}
}

func TestCutsAreDistinct(t *testing.T) {
	events := make([]features.Event, 3)
	for i := range events {
		events[i].ID = fmt.Sprint(i)
	}
	cuts := AppendCuts(nil, "session", events, 20)
	slices.Sort(cuts)
	if !slices.Equal(cuts, []int{1, 2, 3}) {
		t.Errorf("%v", cuts)
	}
	if cuts := AppendCuts(nil, "session", events[:1], 20); !slices.Equal(cuts, []int{1}) {
		t.Errorf("%v of one event", cuts)
	}
}

func TestEventsInAnotherOrderAreAnError(t *testing.T) {
	for _, c := range []struct {
		order []int
		want  string
	}{
		{[]int{1, 0}, "session a are not sorted"}, {[]int{0, 6, 1}, "session a are not together"},
	} {
		reader := NewReader(func(*Visit) error { return nil })
		events := []event{}
		for _, i := range c.order {
			events = append(events, shopping[i])
		}
		n, columns := table(t, events)
		err := reader.Add(n, columns)
		if err == nil {
			err = reader.End()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, expected %s", err, c.want)
		}
	}
}

func TestOtherColumnsAreAnError(t *testing.T) {
	n, columns := table(t, shopping)
	if err := NewReader(nil).Add(n, columns[1:]); err == nil || !strings.Contains(err.Error(), columnKinds) {
		t.Errorf("%v", err)
	}
}
