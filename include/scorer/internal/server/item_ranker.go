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

// itemsFolder is the folder of an archive that contains the item ranking model: a bundle and its feature spec.
const itemsFolder = "leapline/items"

// maxItems is the maximum number of items ranked in one session.
const maxItems = 500

// itemRanker ranks a session's items by their probability to be bought.
type itemRanker struct {
	*sessionScorer
	model *Model // the item model; only its program, inputs, manifest and plans are set
}

// readItems loads the archive's item model, if it has one.
func (m *Model) readItems(archive *bundle.Archive) error {
	nested, hasItems, err := archive.Nested(itemsFolder)
	if err != nil {
		return withItemsPath(err)
	}
	data, hasSpec, err := archive.Extra(itemsFolder + "/features.json")
	if err != nil || !hasItems || !hasSpec {
		return err
	}
	spec, err := parseSpec(data, itemsFolder+"/features.json", "pair")
	if err != nil {
		return err
	}
	program, err := engine.Compile(nested)
	if err != nil {
		return withItemsPath(err)
	}
	model := &Model{program: program, inputs: program.Inputs(), manifest: &Manifest{}, plans: map[string]*compiledPlan{}}
	if m.manifest.Items != nil {
		model.manifest.Calibration = m.manifest.Items.Calibration
	}
	if model.probability() == "" {
		return &bundle.Error{Entry: itemsFolder, Err: errors.New("the item model has no probability of two classes")}
	}
	scorer, err := newSessionScorer(model, spec)
	if err != nil {
		return &bundle.Error{Entry: itemsFolder + "/features.json", Err: err}
	}
	m.items = &itemRanker{sessionScorer: scorer, model: model}
	return nil
}

// withItemsPath adds the path of the item model to an error's entry.
func withItemsPath(err error) error {
	var at *bundle.Error
	if errors.As(err, &at) {
		return &bundle.Error{Entry: itemsFolder + "/" + at.Entry, Err: at.Err}
	}
	return fmt.Errorf("%s: %w", itemsFolder, err)
}

// rankedItem is an item with its uncalibrated probability.
type rankedItem struct {
	item int32
	p    float64
	name string
}

// appendRanking appends the items of the session in d.state, the most probable first; ties are ordered by name.
func (r *itemRanker) appendRanking(d *sessionDecoder) error {
	state, row := r.states.Get().(*features.State), r.plan.rows.Get().(*engine.Row)
	state.Session = d.state.Session
	ranking, err := r.rank(d, state, row)
	if err == nil {
		r.appendItems(d, state, ranking)
	}
	pooled := cap(state.Session.Events) <= maxPooledEvents
	state.Session = features.Session{} // its events belong to d.state
	if pooled {
		r.states.Put(state)
	}
	r.plan.rows.Put(row)
	return err
}

func (r *itemRanker) rank(d *sessionDecoder, state *features.State, row *engine.Row) ([]rankedItem, error) {
	state.Evaluate()
	var ranking []rankedItem
	for n, item := range state.AppendItems(nil) {
		if n == maxItems {
			d.member = ""
			return nil, newProblem(http.StatusRequestEntityTooLarge, "too many items to rank (max %d)", n).withPointer(d.pointer())
		}
		state.EvaluatePair(item)
		p, err := r.sessionScorer.probability(state, row)
		if err != nil {
			d.member = ""
			return nil, d.reject("items: %v", err)
		}
		ranking = append(ranking, rankedItem{item, p, state.ItemName(item)})
	}
	slices.SortFunc(ranking, func(a, b rankedItem) int { return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.name, b.name)) })
	return ranking, nil
}

func (r *itemRanker) appendItems(d *sessionDecoder, state *features.State, ranking []rankedItem) {
	b := append(d.req.out, `,"items":[`...)
	for i := range ranking {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(append(b, `{"item":`...), ranking[i].name)
		b = r.model.appendBuy(b, ranking[i].p)
		if d.query.features {
			state.EvaluatePair(ranking[i].item)
			b = r.appendFeatures(b, state)
		}
		b = append(b, '}')
	}
	d.req.out = append(b, ']')
}
