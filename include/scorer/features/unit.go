package features

import (
	"fmt"
	"slices"
)

// checkUnit checks the features against the unit, which may follow them in the file, and against each other.
func (s *Spec) checkUnit() error {
	byVocabulary := map[string]*Feature{}
	for i := range s.Features {
		f := &s.Features[i]
		err := f.checkUnit(s.Unit)
		if err == nil && f.Op == "popular" {
			if byVocabulary[f.Vocabulary] == nil {
				byVocabulary[f.Vocabulary] = f
			}
			err = f.checkVocabulary(byVocabulary[f.Vocabulary])
		}
		if err != nil {
			return withPath(fmt.Sprintf("feature %d %s", i+1, quoted([]byte(f.Name))), err)
		}
	}
	return nil
}

func (f *Feature) checkUnit(unit string) error {
	op := operations[f.Op]
	if unit == "session" {
		switch {
		case op.pairs:
			return fault("field op", f.Op+" in a spec of unit session", "unit pair")
		case f.scoped:
			return fault("field scope", quoted([]byte(scopeNames[f.scope])), "no scope in a spec of unit session")
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
		return fault("field scope", quoted([]byte(scopeNames[f.scope])), "one of "+joinNames(allowed)+" for "+f.Op)
	}
	return nil
}

func (f *Feature) checkVocabulary(first *Feature) error {
	if f.Of != first.Of || f.kinds != first.kinds || f.pages != first.pages {
		return fault("field vocabulary", quoted([]byte(f.Vocabulary))+" with other events", "the same of, kinds and pages as "+first.Name)
	}
	return nil
}

// maxMillionths is the largest absolute value in a table.
const maxMillionths = 1_000_000_000

// tables reads the transition table of the Markov chains; absent entries are 0.
func (r *reader) tables() error {
	return r.object("an object of tables", map[string]func() error{"markov": func() error {
		rows := map[string]func() error{}
		for i, previous := range previousStateNames {
			rows[previous] = func() error { return r.transitions(i) }
		}
		return r.object("an object of objects", rows)
	}})
}

// transitions reads a row of the transition table.
func (r *reader) transitions(previous int) error {
	columns := map[string]func() error{}
	for i, next := range stateNames {
		columns[next] = func() (err error) {
			r.spec.markov[previous][i], err = readIntBetween(r.scan, -maxMillionths, maxMillionths)
			return err
		}
	}
	return r.object("an object of whole numbers", columns)
}
