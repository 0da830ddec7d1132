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
	"leapline/scorer/internal/signature"
	_ "leapline/scorer/ops" // registers every op
	"leapline/scorer/transform"
)

const manifestEntry = "leapline/manifest.json"

// maxPlans bounds the number of cached plans; further choices of columns are compiled for each request.
const maxPlans = 64

// Model is a loaded archive, ready to score. It is immutable except for its cache of plans.
type Model struct {
	// ID is <data day>-<first 12 hex digits of the archive's SHA-256>; only the digits for an archive without a manifest,
	// the bundle's uid for a bundle directory.
	ID       string
	LoadTime time.Duration

	program           *engine.Program
	manifest          *Manifest
	inputs            []engine.Column
	standard          *compiledPlan  // computes the final outputs
	sessions          *sessionScorer // nil if the archive cannot score sessions
	unsupportedReason string         // why sessions is nil
	items             *itemRanker    // nil if the archive has no item model
	description       []byte         // response of GET /v1/model
	openAPI           []byte         // response of GET /openapi.json
	responsePrefix    []byte         // {"model":"<id>", with the comma

	transformers sync.Pool // of *transform.Transformer

	mu    sync.Mutex
	plans map[string]*compiledPlan
}

// Load reads, checks and compiles an archive, whoever made it.
func Load(path string) (*Model, error) { return LoadTrusted(path, nil) }

// LoadTrusted is like Load, but rejects an archive that does not satisfy trust, before reading its content. A nil trust
// accepts every archive.
func LoadTrusted(path string, trust *signature.Trust) (*Model, error) {
	start := time.Now()
	var check func(digest string) error
	if trust != nil {
		check = func(digest string) error { return trust.Check(path, digest) }
	}
	archive, err := bundle.OpenChecked(path, bundle.DefaultLimits(), check)
	if err != nil {
		return nil, err
	}
	program, err := engine.Compile(archive)
	if err != nil {
		return nil, err
	}
	m := &Model{ID: archive.UID, program: program, inputs: program.Inputs(), plans: map[string]*compiledPlan{}}
	rawManifest, err := m.readManifest(archive)
	if err != nil {
		return nil, err
	}
	if trust != nil {
		if err := trust.CheckDataDay(path, m.dataDay()); err != nil {
			return nil, err
		}
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
	m.responsePrefix = append(jsonscan.AppendString([]byte(`{"model":`), m.ID), ',')
	m.LoadTime = time.Since(start)
	return m, nil
}

// poolTransformers creates the first transformer, which shows that the others can be created too.
func (m *Model) poolTransformers() error {
	first, err := transform.New(m.program)
	if err != nil {
		return err
	}
	m.transformers.New = func() any {
		t, err := transform.New(m.program)
		if err != nil {
			panic(err) // the same call succeeded above
		}
		return t
	}
	m.transformers.Put(first)
	return nil
}

// readManifest sets the manifest and the model's id, and returns the manifest's text.
func (m *Model) readManifest(archive *bundle.Archive) ([]byte, error) {
	data, ok, err := archive.Extra(manifestEntry)
	if err != nil {
		return nil, err
	}
	if archive.Digest != "" {
		m.ID = archive.Digest[:12]
	}
	if !ok {
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

// dataDay returns the data day of the manifest; "" without a manifest.
func (m *Model) dataDay() string {
	if m.manifest == nil {
		return ""
	}
	return m.manifest.DataDay
}

// compiledPlan computes one choice of output columns.
type compiledPlan struct {
	rows        sync.Pool // of *engine.Row
	blocks      sync.Pool // of *engine.Block
	inputs      []engine.Column
	index       map[string]int // index in inputs by name; -1 for the model's inputs that the plan does not need
	outputs     []output       // the requested columns
	width       int            // number of values in a CSV row of the inputs: vectors count each element
	probability int            // index of the output that buy is computed from; -1 if there is none
}

// output is a column of the response.
type output struct {
	engine.Column
	key []byte // the name as a JSON key, with the colon
}

// plan returns the plan for a choice of columns.
func (m *Model) plan(columns []string) (*compiledPlan, error) {
	key := strings.Join(columns, "\x00")
	m.mu.Lock()
	cached := m.plans[key]
	m.mu.Unlock()
	if cached != nil {
		return cached, nil
	}
	plan, err := m.compile(columns)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.plans) < maxPlans {
		m.plans[key] = plan
	}
	return plan, nil
}

func (m *Model) compile(columns []string) (*compiledPlan, error) {
	needed := columns
	probability := m.probability()
	if probability != "" && !slices.Contains(columns, probability) {
		needed = append(slices.Clone(columns), probability)
	}
	program, err := m.program.Plan(needed...)
	if err != nil {
		return nil, err
	}
	plan := &compiledPlan{inputs: program.Inputs(), index: map[string]int{}, probability: slices.Index(needed, probability)}
	plan.rows.New = func() any { return program.NewRow() }
	plan.blocks.New = func() any { return program.NewBlock() }
	for _, in := range m.inputs {
		plan.index[in.Name] = -1
	}
	for i, in := range plan.inputs {
		plan.index[in.Name] = i
		plan.width += max(in.Width, 1)
	}
	for _, out := range program.Outputs()[:len(columns)] {
		plan.outputs = append(plan.outputs, output{out, append(jsonscan.AppendString(nil, out.Name), ':')})
	}
	return plan, nil
}

// probability returns the name of the column that buy is computed from: the probabilities of two classes, in an archive
// with a manifest. It returns "" if there is none.
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

// describe renders the response of GET /v1/model.
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
	if m.sessions != nil {
		b = m.sessions.appendFeatureNames(b, "features")
	}
	if m.items != nil {
		b = m.items.appendFeatureNames(b, "item_features")
	}
	if manifest != nil {
		b = append(append(b, `,"manifest":`...), compactJSON(manifest)...)
	}
	m.description = append(b, "}\n"...)
}

// compactJSON puts valid JSON on one line.
func compactJSON(text []byte) []byte {
	var value json.RawMessage = text
	line, err := json.Marshal(value)
	if err != nil { // cannot happen: parseManifest has parsed it
		return text
	}
	return line
}

// appendFields appends columns in the form of a leap frame's schema.
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

// hasBuy reports whether responses contain buy, and whether they contain segment.
func (m *Model) hasBuy() (buy, segment bool) {
	buy = m.probability() != ""
	return buy, buy && m.manifest.Threshold != nil
}

// expectedValue describes the values of a column for error messages.
func expectedValue(c engine.Column) string {
	switch {
	case c.Type.Kind == frame.Tensor:
		return fmt.Sprintf("an array of %d numbers", c.Width)
	case c.Type.Kind == frame.List:
		return "an array of strings"
	case c.Type.Base == frame.String:
		return "a string or null"
	case c.Type.Nullable:
		return "a number or null"
	}
	return "a number"
}
