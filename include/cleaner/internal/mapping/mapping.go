package mapping

import (
	"slices"
	"sort"

	"leapline/cleaner/internal/java"
)

// Mapping is a compiled event mapping. One goroutine may use it, because it remembers results.
type Mapping struct {
	EntityFields, BotFields, EventFields map[string]int

	session, visitor [][]source
	consent, bot     []test
	internal, robots []test
	pages            []page
	paths            map[string]string // path of a page -> its kind, because the same paths come again and again
	rules            []rule
	pagePath         int
	named            []int // columns that name an event that no rule knows
}

const rememberedPaths = 1 << 16

type page struct {
	path *java.Pattern
	page string
}

// Compile compiles a mapping.
func Compile(spec *Spec, columns Columns) (*Mapping, error) {
	m := &Mapping{EntityFields: map[string]int{}, BotFields: map[string]int{}, EventFields: map[string]int{}, paths: map[string]string{}}
	c := compiler{columns: columns, mapping: m, read: map[string]bool{}}
	m.pagePath = c.column("page_urlpath")
	m.consent = c.tests(spec.Consent, m.EntityFields)
	m.bot = c.tests(spec.Bot, m.BotFields)
	m.internal, m.robots = c.valueTests(spec.Internal), c.valueTests(spec.BotColumns)
	m.session, m.visitor = c.identity(spec.Session), c.identity(spec.Visitor)
	for _, p := range spec.Pages {
		m.pages = append(m.pages, page{c.pattern(p.Path), p.Page})
	}
	for i := range spec.Rules {
		m.rules = append(m.rules, c.rule(&spec.Rules[i]))
	}
	for _, name := range []string{"event_name", "se_category", "se_action"} {
		if c.read[name] {
			m.named = append(m.named, c.column(name))
		}
	}
	return m, c.err
}

// MayBeRobot reports whether derived_contexts can have an entity that marks a robot.
func (m *Mapping) MayBeRobot(derivedContexts []byte) bool {
	return slices.ContainsFunc(m.bot, func(t test) bool { return t.mayPass(derivedContexts) })
}

// Unwanted returns why an event is left out, empty for one that is used.
func (m *Mapping) Unwanted(e *Event, consentRequired bool) string {
	passes := func(tests []test) bool {
		return slices.ContainsFunc(tests, func(t test) bool { return t.passes(e, e.Entities) })
	}
	isRobot := func(t test) bool { return t.passes(e, e.Derived) }
	switch {
	case slices.ContainsFunc(m.bot, isRobot) || passes(m.robots):
		return "bot"
	case passes(m.internal):
		return "internal"
	case consentRequired && !passes(m.consent):
		return "no_consent"
	}
	return ""
}

// Session returns the text of the session's id, nil without one.
func (m *Mapping) Session(e *Event) []byte { return identity(m.session, e) }

// Visitor returns the text of the visitor's id, nil without one.
func (m *Mapping) Visitor(e *Event) []byte { return identity(m.visitor, e) }

// compiler keeps the first error.
type compiler struct {
	columns Columns
	mapping *Mapping
	read    map[string]bool
	err     error
}

func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *compiler) column(name string) int {
	place, err := c.columns.place(name)
	if err != nil {
		c.fail(err)
	}
	c.read[name] = true
	return place
}

func (c *compiler) pattern(text string) *java.Pattern {
	pattern, err := java.Compile(text)
	if err != nil {
		c.fail(err)
	}
	return pattern
}

// place returns the place of a field among those that are read.
func place(fields map[string]int, name string) int {
	if _, ok := fields[name]; !ok {
		fields[name] = len(fields)
	}
	return fields[name]
}

func (c *compiler) tests(specs []Test, fields map[string]int) []test {
	var tests []test
	for _, spec := range specs {
		t := test{column: -1, name: spec.Entity, prefix: prefix(spec.Entity), values: spec.Values}
		if spec.Column != "" {
			t.column = c.column(spec.Column)
		} else {
			t.field = place(fields, spec.Field)
		}
		tests = append(tests, t)
	}
	return tests
}

func (c *compiler) valueTests(values map[string][]string) []test {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	var tests []test
	for _, name := range names {
		tests = append(tests, test{column: c.column(name), values: values[name]})
	}
	return tests
}

func prefix(entity string) string { return "iglu:" + entity + "/" }
