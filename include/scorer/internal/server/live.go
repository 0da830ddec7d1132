package server

import (
	"fmt"
	"sync"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/features"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
)

const featuresEntry = "leapline/features.json"

// keptEvents is how many events a session may have for its memory to be kept for the next.
const keptEvents = 4096

// live makes rows of features from sessions of events, and scores them.
type live struct {
	program *features.Program
	states  sync.Pool // of *features.State
	scoring *scoring
	bound   []int    // for each of the plan's inputs the feature
	keys    [][]byte // "name": of each feature, as JSON
}

// readFeatures makes the model ready for sessions, or notes why it is not.
func (m *Model) readFeatures(archive *bundle.Archive) error {
	data, found, err := archive.Extra(featuresEntry)
	switch {
	case err != nil:
		return err
	case !found:
		m.unable = "the archive has no " + featuresEntry
		return nil
	}
	spec, err := parseSpec(data, featuresEntry, "session")
	if err != nil {
		return err
	}
	if m.probability() == "" {
		m.unable = "the archive has no " + manifestEntry + ", or its model no probability of two classes"
		return nil
	}
	if m.live, err = newLive(m, spec); err != nil {
		return &bundle.Error{Entry: featuresEntry, Err: err}
	}
	return m.readItems(archive)
}

func parseSpec(data []byte, entry, unit string) (*features.Spec, error) {
	spec, err := features.Parse(data)
	if err == nil && spec.Unit != unit {
		err = fmt.Errorf("field unit: found %q, expected %q", spec.Unit, unit)
	}
	if err != nil {
		return nil, &bundle.Error{Entry: entry, Err: err}
	}
	return spec, nil
}

func newLive(m *Model, spec *features.Spec) (*live, error) {
	c, err := m.compile([]string{m.probability()})
	if err != nil {
		return nil, err
	}
	l := &live{program: features.Compile(spec), scoring: c}
	l.states.New = func() any { return l.program.NewState() }
	places := map[string]int{}
	for i := range spec.Features {
		places[spec.Features[i].Name] = i
		l.keys = append(l.keys, append(jsonscan.AppendString(nil, spec.Features[i].Name), ':'))
	}
	for _, in := range c.inputs {
		i, found := places[in.Name]
		if !found {
			return nil, fmt.Errorf("has no feature %q, which the model reads", in.Name)
		}
		if category := spec.Features[i].Category; in.Width > 0 || category != (in.Type.Base == frame.String) {
			return nil, fmt.Errorf("feature %q does not fit the model, which reads %s", in.Name, wanted(in))
		}
		l.bound = append(l.bound, i)
	}
	return l, nil
}

// run gives the model's probability of what a state was evaluated on, uncalibrated.
func (l *live) run(state *features.State, row *engine.Row) (float64, error) {
	row.Reset()
	for i, f := range l.bound {
		var err error
		if l.program.Spec.Features[f].Category {
			err = row.SetText(i, state.Text(f))
		} else {
			err = row.SetDouble(i, state.Number(f))
		}
		if err != nil {
			return 0, err
		}
	}
	if err := row.Run(); err != nil {
		return 0, err
	}
	return row.Vector(l.scoring.probability)[1], nil
}

// keep gives a state back. It holds parts of the request's body, so its session is emptied.
func (l *live) keep(state *features.State) {
	if cap(state.Session.Events) <= keptEvents {
		state.Session.Reset()
		l.states.Put(state)
	}
}

// appendFeatures writes the features of the state as an object.
func (l *live) appendFeatures(b []byte, state *features.State) []byte {
	b = append(b, `,"features":{`...)
	for i := range l.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, l.keys[i]...)
		if l.program.Spec.Features[i].Category {
			b = jsonscan.AppendString(b, state.Text(i))
		} else {
			b = jsonscan.AppendFloat(b, state.Number(i))
		}
	}
	return append(b, '}')
}

// appendFeatureNames describes the features for GET /v1/model.
func (l *live) appendFeatureNames(b []byte, member string) []byte {
	b = append(append(append(b, `,"`...), member...), `":[`...)
	for i := range l.program.Spec.Features {
		f := &l.program.Spec.Features[i]
		if i > 0 {
			b = append(b, ',')
		}
		kind := `"double"`
		if f.Category {
			kind = `"string"`
		}
		b = jsonscan.AppendString(append(b, `{"name":`...), f.Name)
		b = append(append(append(b, `,"type":`...), kind...), '}')
	}
	return append(b, ']')
}
