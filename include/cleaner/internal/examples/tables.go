package examples

import (
	"cmp"
	"encoding/json"
	"slices"

	"leapline/cleaner/internal/frames"
	"leapline/scorer/features"
)

// Table writes the examples of one feature spec.
type Table struct {
	output     *frames.Output
	program    *features.Program
	state      *features.State
	columns    []int // features in the order of the table, without those that are fitted
	perSession int
	hasStates  bool
	column     int // of the current row
	cuts       []int
	items      []int32
	clicks     []features.Clicks
	text       []byte
	err        error
}

// The columns before the features.
const (
	sessionKinds = "sisls" + "iii" // session, cut, visitor, start_ts, device, new_visitor, whole, label
	pairKinds    = "sssls" + "ii"  // session, item, visitor, start_ts, device, new_visitor, label
)

// NewTable returns a table without rows. Its columns after the features are the clicks of each vocabulary, as JSON, and the
// states: of examples of sessions, and of pairs if a feature needs them.
func NewTable(writer *frames.Writer, spec string, perSession int) (*Table, error) {
	parsed, err := features.Parse([]byte(spec))
	if err != nil {
		return nil, err
	}
	t := &Table{program: features.Compile(parsed), perSession: perSession, clicks: []features.Clicks{}}
	t.state = t.program.NewState()
	t.hasStates = !t.ofPairs()
	kinds := sessionKinds
	if t.ofPairs() {
		kinds = pairKinds
	}
	for i := range parsed.Features {
		if f := &parsed.Features[i]; !f.IsFitted() {
			t.columns = append(t.columns, i)
		} else if f.Op == "markov" {
			t.hasStates = true
		}
	}
	t.sortColumns(parsed.Features)
	for _, i := range t.columns {
		kinds += kindOf(&parsed.Features[i])
	}
	for range t.program.Vocabularies() {
		kinds += "s"
	}
	if t.hasStates {
		kinds += "s"
	}
	t.output = frames.NewOutput(writer.Table, kinds)
	return t, nil
}

func (t *Table) ofPairs() bool { return t.program.Spec.Unit == "pair" }

// sortColumns puts those features of pairs last that are the same for all items of a session.
func (t *Table) sortColumns(of []features.Feature) {
	if !t.ofPairs() {
		return
	}
	slices.SortStableFunc(t.columns, func(a, b int) int { return cmp.Compare(rank(&of[a]), rank(&of[b])) })
}

func rank(f *features.Feature) int {
	if f.OfSession() {
		return 1
	}
	return 0
}

func kindOf(f *features.Feature) string {
	if f.Category {
		return "s"
	}
	return "d"
}

// Add adds the examples of a session; none if it begins with its checkout.
func (t *Table) Add(v *Visit) error {
	v.Session.Cut()
	if len(v.Session.Events) == 0 {
		return nil
	}
	t.state.Session = *v.Session
	if t.ofPairs() {
		t.addPairs(v)
	} else {
		t.addPrefixes(v)
	}
	return t.err
}

// End writes the remaining rows.
func (t *Table) End() error { return t.output.Flush() }

func (t *Table) addPrefixes(v *Visit) {
	events := v.Session.Events
	t.cuts = AppendCuts(t.cuts[:0], v.ID, events, t.perSession)
	for _, cut := range t.cuts {
		t.state.Session.Events = events[:cut]
		t.state.Evaluate()
		t.next().Text(v.ID, true)
		t.next().Int(int32(cut), true)
		t.addVisit(v)
		t.next().Int(number(cut == len(events)), true)
		t.next().Int(number(v.Buys), true)
		t.addFeatures()
	}
}

func (t *Table) addPairs(v *Visit) {
	t.state.Evaluate()
	t.items = t.state.AppendItems(t.items[:0])
	for _, item := range t.items {
		t.state.EvaluatePair(item)
		name := t.state.ItemName(item)
		t.next().Text(v.ID, true)
		t.next().Text(name, true)
		t.addVisit(v)
		t.next().Int(number(slices.Contains(v.Bought, name)), true)
		t.addFeatures()
	}
}

func (t *Table) addVisit(v *Visit) {
	t.next().Text(v.Visitor, true)
	t.next().Long(v.Session.Events[0].Micros, true)
	t.next().Text(v.Session.Device, v.Session.Device != "")
	t.next().Int(number(v.Session.Index == 1), true)
}

// addFeatures adds the rest of a row and ends it.
func (t *Table) addFeatures() {
	for _, i := range t.columns {
		if t.program.Spec.Features[i].Category {
			t.next().Text(t.state.Text(i), true)
		} else {
			t.next().Double(t.state.Number(i), true)
		}
	}
	for i := range t.program.Vocabularies() {
		t.addClicks(&t.program.Vocabularies()[i])
	}
	if t.hasStates {
		t.text = t.state.AppendStates(t.text[:0])
		t.next().Text(string(t.text), true)
	}
	t.column = 0
	t.output.End()
}

// addClicks adds a list of clicks, sorted by id.
func (t *Table) addClicks(v *features.Vocabulary) {
	t.clicks = t.state.AppendClicks(t.clicks[:0], v)
	slices.SortFunc(t.clicks, func(a, b features.Clicks) int { return cmp.Compare(a.ID, b.ID) })
	text, err := json.Marshal(t.clicks)
	t.err = cmp.Or(t.err, err)
	t.next().Text(string(text), true)
}

func (t *Table) next() *frames.Column {
	t.column++
	return t.output.Columns[t.column-1]
}

func number(is bool) int32 {
	if is {
		return 1
	}
	return 0
}
