package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/features"
	"leapline/scorer/internal/jsonscan"
)

// itemsFolder of an archive has the model of which item is bought, a bundle of its own, and its features.
const itemsFolder = "leapline/items"

// maxItems is how many items of one session are ranked.
const maxItems = 500

// items ranks a session's items by their own probability to be bought.
type items struct {
	*live
	model *Model // of the pairs; it has no more than compile and appendBuy need
}

// readItems makes the model ready to rank items, if the archive has what that takes.
func (m *Model) readItems(archive *bundle.Archive) error {
	inside, found, err := archive.Nested(itemsFolder)
	if err != nil {
		return inItems(err)
	}
	data, specified, err := archive.Extra(itemsFolder + "/features.json")
	if err != nil || !found || !specified {
		return err
	}
	spec, err := parseSpec(data, itemsFolder+"/features.json", "pair")
	if err != nil {
		return err
	}
	program, err := engine.Compile(inside)
	if err != nil {
		return inItems(err)
	}
	pairs := &Model{program: program, inputs: program.Inputs(), manifest: &Manifest{}, plans: map[string]*scoring{}}
	if m.manifest.Items != nil {
		pairs.manifest.Calibration = m.manifest.Items.Calibration
	}
	if pairs.probability() == "" {
		return &bundle.Error{Entry: itemsFolder, Err: errors.New("its model makes no probability of two classes")}
	}
	l, err := newLive(pairs, spec)
	if err != nil {
		return &bundle.Error{Entry: itemsFolder + "/features.json", Err: err}
	}
	m.items = &items{live: l, model: pairs}
	return nil
}

// inItems names the whole path of an entry that is at fault.
func inItems(err error) error {
	var at *bundle.Error
	if errors.As(err, &at) {
		return &bundle.Error{Entry: itemsFolder + "/" + at.Entry, Err: at.Err}
	}
	return fmt.Errorf("%s: %w", itemsFolder, err)
}

// ranked is an item and its probability, uncalibrated.
type ranked struct {
	item int32
	p    float64
	name string
}

// rank appends the items of the session in v.state, the likeliest first; equal ones by name.
func (l *items) rank(v *visit) error {
	state, row := l.states.Get().(*features.State), l.scoring.rows.Get().(*engine.Row)
	state.Session = v.state.Session
	list, err := l.score(v, state, row)
	if err == nil {
		slices.SortFunc(list, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.name, b.name)) })
		l.append(v, state, list)
	}
	small := cap(state.Session.Events) <= keptEvents
	state.Session = features.Session{} // its events are v.state's
	if small {
		l.states.Put(state)
	}
	l.scoring.rows.Put(row)
	return err
}

func (l *items) score(v *visit, state *features.State, row *engine.Row) ([]ranked, error) {
	state.Evaluate()
	var list []ranked
	for n, item := range state.AppendItems(nil) {
		if n == maxItems {
			v.field = ""
			return nil, problem(http.StatusRequestEntityTooLarge, "more than %d items, the most that are ranked", n).at(v.pointer())
		}
		state.EvaluatePair(item)
		p, err := l.run(state, row)
		if err != nil {
			v.field = ""
			return nil, v.refuse("items: " + err.Error())
		}
		list = append(list, ranked{item, p, state.ItemName(item)})
	}
	return list, nil
}

func (l *items) append(v *visit, state *features.State, list []ranked) {
	b := append(v.x.out, `,"items":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(append(b, `{"item":`...), list[i].name)
		b = l.model.appendBuy(b, list[i].p)
		if v.q.features {
			state.EvaluatePair(list[i].item)
			b = l.appendFeatures(b, state)
		}
		b = append(b, '}')
	}
	v.x.out = append(b, ']')
}
