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

// maxPooledEvents is the largest number of events in a session whose memory stays in the pool.
const maxPooledEvents = 4096

// sessionScorer computes features from a session's events and scores them.
type sessionScorer struct {
	program  *features.Program
	states   sync.Pool // of *features.State
	plan     *compiledPlan
	features []int    // per input of the plan: the index of its feature
	keys     [][]byte // per feature: its name as a JSON key, with the colon
}

// readFeatures compiles the archive's feature spec, or records why the model cannot score sessions.
func (m *Model) readFeatures(archive *bundle.Archive) error {
	data, ok, err := archive.Extra(featuresEntry)
	switch {
	case err != nil:
		return err
	case !ok:
		m.unsupportedReason = "the archive has no " + featuresEntry
		return nil
	}
	spec, err := parseSpec(data, featuresEntry, "session")
	if err != nil {
		return err
	}
	if m.probability() == "" {
		m.unsupportedReason = "the archive has no " + manifestEntry + ", or its model has no probability of two classes"
		return nil
	}
	if m.sessions, err = newSessionScorer(m, spec); err != nil {
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

// newSessionScorer binds the inputs of a model to the features of a spec.
func newSessionScorer(m *Model, spec *features.Spec) (*sessionScorer, error) {
	plan, err := m.compile([]string{m.probability()})
	if err != nil {
		return nil, err
	}
	sc := &sessionScorer{program: features.Compile(spec), plan: plan}
	sc.states.New = func() any { return sc.program.NewState() }
	index := map[string]int{}
	for i := range spec.Features {
		index[spec.Features[i].Name] = i
		sc.keys = append(sc.keys, append(jsonscan.AppendString(nil, spec.Features[i].Name), ':'))
	}
	for _, in := range plan.inputs {
		i, ok := index[in.Name]
		if !ok {
			return nil, fmt.Errorf("feature %q is missing; the model reads it", in.Name)
		}
		if categorical := spec.Features[i].Category; in.Width > 0 || categorical != (in.Type.Base == frame.String) {
			return nil, fmt.Errorf("feature %q has the wrong type; the model expects %s", in.Name, expectedValue(in))
		}
		sc.features = append(sc.features, i)
	}
	return sc, nil
}

// probability returns the model's uncalibrated probability for the features of an evaluated state.
func (sc *sessionScorer) probability(state *features.State, row *engine.Row) (float64, error) {
	row.Reset()
	for i, f := range sc.features {
		var err error
		if sc.program.Spec.Features[f].Category {
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
	return row.Vector(sc.plan.probability)[1], nil
}

// release returns a state to the pool. Its session is cleared because it refers to the request's body.
func (sc *sessionScorer) release(state *features.State) {
	if cap(state.Session.Events) <= maxPooledEvents {
		state.Session.Reset()
		sc.states.Put(state)
	}
}

// appendFeatures appends the state's features as an object.
func (sc *sessionScorer) appendFeatures(b []byte, state *features.State) []byte {
	b = append(b, `,"features":{`...)
	for i := range sc.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, sc.keys[i]...)
		if sc.program.Spec.Features[i].Category {
			b = jsonscan.AppendString(b, state.Text(i))
		} else {
			b = jsonscan.AppendFloat(b, state.Number(i))
		}
	}
	return append(b, '}')
}

// appendFeatureNames appends the names and types of the features, for GET /v1/model.
func (sc *sessionScorer) appendFeatureNames(b []byte, member string) []byte {
	b = append(append(append(b, `,"`...), member...), `":[`...)
	for i := range sc.program.Spec.Features {
		f := &sc.program.Spec.Features[i]
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
