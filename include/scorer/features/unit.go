package features

import (
	"fmt"
	"slices"
)

// fitUnit holds the features against the unit, which may stand behind them, and against one another.
func (s *Spec) fitUnit() error {
	of := map[string]*Feature{}
	for i := range s.Features {
		f := &s.Features[i]
		err := f.fitUnit(s.Unit)
		if err == nil && f.Op == "popular" {
			if of[f.Vocabulary] == nil {
				of[f.Vocabulary] = f
			}
			err = f.fitVocabulary(of[f.Vocabulary])
		}
		if err != nil {
			return within(fmt.Sprintf("feature %d %s", i+1, quoted([]byte(f.Name))), err)
		}
	}
	return nil
}

func (f *Feature) fitUnit(unit string) error {
	op := operations[f.Op]
	if unit == "session" {
		switch {
		case op.pairs:
			return fault("field op", f.Op+" in a spec of unit session", "unit pair")
		case f.scoped:
			return fault("field scope", quoted([]byte(scopeNames[f.scope])), "no scope in a spec of sessions")
		}
		return nil
	}
	if !f.scoped {
		f.scope = ofItem
	}
	if op.scopes != nil && !slices.Contains(op.scopes, f.scope) {
		allowed := []string{}
		for _, one := range op.scopes {
			allowed = append(allowed, scopeNames[one])
		}
		return fault("field scope", quoted([]byte(scopeNames[f.scope])), "one of "+listed(allowed)+" for "+f.Op)
	}
	return nil
}

func (f *Feature) fitVocabulary(first *Feature) error {
	if f.Of != first.Of || f.kinds != first.kinds || f.pages != first.pages {
		return fault("field vocabulary", quoted([]byte(f.Vocabulary))+" of others", "the same of, kinds and pages as "+first.Name)
	}
	return nil
}

// mostMillionths is the largest entry of a table, either way.
const mostMillionths = 1_000_000_000

// tables reads what is known of the Markov chains; what is not there counts 0.
func (r *reader) tables() error {
	return r.object("an object of tables", map[string]func() error{"markov": func() error {
		rows := map[string]func() error{}
		for b, before := range beforeNames {
			rows[before] = func() error { return r.steps(b) }
		}
		return r.object("an object of objects", rows)
	}})
}

func (r *reader) steps(before int) error {
	columns := map[string]func() error{}
	for a, after := range stateNames {
		columns[after] = func() (err error) {
			r.spec.markov[before][a], err = wholeBetween(r.scan, -mostMillionths, mostMillionths)
			return err
		}
	}
	return r.object("an object of whole numbers", columns)
}
