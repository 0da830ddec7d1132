package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/frame"
	"leapline/scorer/internal/jsonscan"
	_ "leapline/scorer/ops" // registers every op
	"leapline/scorer/transform"
)

const manifestEntry = "leapline/manifest.json"

// maxPlans bounds how many choices of columns a model keeps compiled; more are compiled again each time.
const maxPlans = 64

// Model is a loaded archive, ready to score. Immutable but for its cache of plans.
type Model struct {
	// ID is <data day>-<first 12 hex digits of the archive's SHA-256>; the digits alone for an archive without a manifest,
	// the bundle's own uid for one that is a directory.
	ID       string
	LoadTime time.Duration

	program     *engine.Program
	manifest    *Manifest
	inputs      []engine.Column
	standard    *scoring // answers with the final outputs
	live        *live    // scores sessions; nil if the archive cannot
	unable      string   // and why not
	items       *items   // ranks a session's items; nil if the archive cannot
	description []byte   // of GET /v1/model
	openAPI     []byte
	answerStart []byte // of a prediction's JSON

	transformers sync.Pool // of *transform.Transformer

	mu    sync.Mutex
	plans map[string]*scoring
}

// Load reads, checks and compiles an archive.
func Load(path string) (*Model, error) {
	start := time.Now()
	archive, err := bundle.Open(path, bundle.DefaultLimits())
	if err != nil {
		return nil, err
	}
	program, err := engine.Compile(archive)
	if err != nil {
		return nil, err
	}
	m := &Model{ID: archive.UID, program: program, inputs: program.Inputs(), plans: map[string]*scoring{}}
	rawManifest, err := m.readManifest(archive)
	if err != nil {
		return nil, err
	}
	if m.standard, err = m.compile(program.FinalOutputs()); err != nil {
		return nil, err
	}
	if err := m.readFeatures(archive); err != nil {
		return nil, err
	}
	m.describe(archive, rawManifest)
	if m.openAPI, err = openAPIDocument(m); err != nil {
		return nil, err
	}
	if err := m.poolTransformers(); err != nil {
		return nil, err
	}
	m.answerStart = append(jsonscan.AppendString([]byte(`{"model":`), m.ID), `,"rows":[`...)
	m.LoadTime = time.Since(start)
	return m, nil
}

// poolTransformers makes a first transformer, to know that all others can be made.
func (m *Model) poolTransformers() error {
	first, err := transform.New(m.program)
	if err != nil {
		return err
	}
	m.transformers.New = func() any {
		t, err := transform.New(m.program)
		if err != nil {
			panic(err) // the first one went well
		}
		return t
	}
	m.transformers.Put(first)
	return nil
}

// readManifest sets the manifest and the id that comes of it.
func (m *Model) readManifest(archive *bundle.Archive) ([]byte, error) {
	data, found, err := archive.Extra(manifestEntry)
	if err != nil {
		return nil, err
	}
	if archive.Digest != "" {
		m.ID = archive.Digest[:12]
	}
	if !found {
		return nil, nil
	}
	if m.manifest, err = parseManifest(data); err != nil {
		return nil, &bundle.Error{Entry: manifestEntry, Err: err}
	}
	if archive.Digest != "" {
		m.ID = m.manifest.DataDay + "-" + m.ID
	}
	return data, nil
}

// scoring answers with one choice of columns.
type scoring struct {
	plan        *engine.Plan
	rows        sync.Pool // of *engine.Row
	inputs      []engine.Column
	index       map[string]int // of the plan's inputs by name; -1 for inputs of the model that the plan does not need
	outputs     []output       // to be shown
	width       int            // numbers and texts of the inputs, vectors spread out
	probability int            // the plan's output that buy comes from, -1 if there is none
}

// output is one column of an answer.
type output struct {
	engine.Column
	key []byte // "name": as JSON
}

// plan gives the scoring of a choice of columns.
func (m *Model) plan(columns []string) (*scoring, error) {
	key := strings.Join(columns, "\x00")
	m.mu.Lock()
	found := m.plans[key]
	m.mu.Unlock()
	if found != nil {
		return found, nil
	}
	made, err := m.compile(columns)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.plans) < maxPlans {
		m.plans[key] = made
	}
	return made, nil
}

func (m *Model) compile(columns []string) (*scoring, error) {
	needed := columns
	probability := m.probability()
	if probability != "" && !slices.Contains(columns, probability) {
		needed = append(slices.Clone(columns), probability)
	}
	plan, err := m.program.Plan(needed...)
	if err != nil {
		return nil, err
	}
	c := &scoring{plan: plan, inputs: plan.Inputs(), index: map[string]int{}, probability: slices.Index(needed, probability)}
	c.rows.New = func() any { return plan.NewRow() }
	for _, in := range m.inputs {
		c.index[in.Name] = -1
	}
	for i, in := range c.inputs {
		c.index[in.Name] = i
		c.width += max(in.Width, 1)
	}
	for _, out := range plan.Outputs()[:len(columns)] {
		c.outputs = append(c.outputs, output{out, append(jsonscan.AppendString(nil, out.Name), ':')})
	}
	return c, nil
}

// probability names the column that buy is made of: with a manifest, the probabilities of two classes.
func (m *Model) probability() string {
	if m.manifest == nil {
		return ""
	}
	for _, out := range m.program.Outputs() {
		if out.Name == "probability" && out.Width == 2 {
			return out.Name
		}
	}
	return ""
}

// buys says whether answers have buy, and whether they have segment.
func (m *Model) buys() (buy, segment bool) {
	buy = m.probability() != ""
	return buy, buy && m.manifest.Threshold != nil
}

// describe makes the answer of GET /v1/model.
func (m *Model) describe(archive *bundle.Archive, manifest []byte) {
	b := jsonscan.AppendString([]byte(`{"model":`), m.ID)
	b = append(b, `,"bundle":{`...)
	for i, part := range [][2]string{
		{"uid", archive.UID}, {"name", archive.Name}, {"format", archive.Format}, {"version", archive.Version},
		{"timestamp", archive.Timestamp}, {"sha256", archive.Digest},
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q:", part[0])
		b = jsonscan.AppendString(b, part[1])
	}
	b = appendFields(append(b, `},"inputs":`...), m.inputs)
	b = appendFields(append(b, `,"outputs":`...), m.program.Outputs())
	b = append(b, `,"default_columns":[`...)
	for i, out := range m.standard.outputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(b, out.Name)
	}
	b = append(b, ']')
	if m.live != nil {
		b = m.live.appendFeatureNames(b, "features")
	}
	if m.items != nil {
		b = m.items.appendFeatureNames(b, "item_features")
	}
	if manifest != nil {
		b = append(append(b, `,"manifest":`...), compact(manifest)...)
	}
	m.description = append(b, "}\n"...)
}

// compact puts valid JSON on one line.
func compact(text []byte) []byte {
	var value json.RawMessage = text
	line, err := json.Marshal(value)
	if err != nil { // parseManifest has read it already
		return text
	}
	return line
}

// appendFields writes columns as a leap frame's schema has them.
func appendFields(b []byte, columns []engine.Column) []byte {
	b = append(b, '[')
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = jsonscan.AppendString(append(b, `{"name":`...), c.Name)
		b = append(c.Type.AppendJSON(append(b, `,"type":`...)), '}')
	}
	return append(b, ']')
}

// wanted says in words what a value of a column must be.
func wanted(c engine.Column) string {
	switch {
	case c.Type.Kind == frame.Tensor:
		return fmt.Sprintf("an array of %d numbers", c.Width)
	case c.Type.Base == frame.String:
		return "a string or null"
	case c.Type.Nullable:
		return "a number or null"
	}
	return "a number"
}
