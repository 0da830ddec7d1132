package features

import (
	"fmt"
	"regexp"

	"leapline/scorer/internal/jsonscan"
)

// Limits on a spec.
const (
	maxFeatures     = 10_000
	maxVocabularies = 1000
	maxWords        = 1 << 20 // of one vocabulary
	maxWord         = 1 << 10 // bytes
)

// Spec is a feature spec of version 1.
type Spec struct {
	Unit         string    // session or pair
	Features     []Feature // the columns, in order
	Vocabularies map[string][]string

	markov transitionTable
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Parse parses a spec strictly. Its error is one line that contains the entry and the field.
func Parse(data []byte) (*Spec, error) {
	r := &reader{scan: jsonscan.New(data), spec: new(Spec)}
	err := r.object("an object", map[string]func() error{
		"version": r.version, "unit": r.unit, "features": r.features, "vocabularies": r.vocabularies, "tables": r.tables,
	}, "version", "unit", "features")
	if err == nil {
		err = r.scan.End()
	}
	if err == nil {
		err = r.spec.checkUnit()
	}
	if err != nil {
		return nil, err
	}
	return r.spec, nil
}

type reader struct {
	scan *jsonscan.Scanner
	spec *Spec
}

// object reads an object with the given members, each at most once; the required ones must be present.
func (r *reader) object(expected string, members map[string]func() error, required ...string) error {
	seen := map[string]bool{}
	err := r.fields(expected, func(key string) error {
		read := members[key]
		switch {
		case read == nil:
			return fault("field "+key, "an unknown field", "a field of the specification")
		case seen[key]:
			return fault("field "+key, "a duplicate", "each field once")
		}
		seen[key] = true
		return withPath("field "+key, read())
	})
	for _, key := range required {
		if err == nil && !seen[key] {
			err = fault("field "+key, "nothing", "a value")
		}
	}
	return err
}

func (r *reader) fields(expected string, read func(key string) error) error {
	if r.scan.Peek() != '{' {
		return typeError(r.scan, expected)
	}
	if err := r.scan.Object(); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, more, err := r.scan.Key(first)
		if !more || err != nil {
			return err
		}
		if err := read(string(key)); err != nil {
			return err
		}
	}
}

func (r *reader) version() error {
	raw, err := r.scan.Raw()
	if err == nil && string(raw) != "1" {
		err = fault("", short(raw), "1")
	}
	return err
}

func (r *reader) unit() error {
	i, err := readOneOf(r.scan, units)
	if err == nil {
		r.spec.Unit = units[i]
	}
	return err
}

var units = []string{"session", "pair"}

func (r *reader) features() error {
	names := map[string]bool{}
	err := readElements(r.scan, "an array of features", func() error {
		n := len(r.spec.Features) + 1
		if n > maxFeatures {
			return fault("", "more", fmt.Sprintf("at most %d features", maxFeatures))
		}
		f := Feature{}
		err := r.feature(&f)
		if err == nil && names[f.Name] {
			err = fault("field name", "the name of an earlier entry", "a unique name")
		}
		if err != nil {
			return withPath(fmt.Sprintf("%d %s", n, quoted([]byte(f.Name))), err)
		}
		names[f.Name] = true
		r.spec.Features = append(r.spec.Features, f)
		return nil
	})
	if err == nil && len(r.spec.Features) == 0 {
		err = fault("", "[]", "at least one feature")
	}
	return err
}

func (r *reader) vocabularies() error {
	r.spec.Vocabularies = map[string][]string{}
	return r.fields("an object of lists", func(name string) error {
		return withPath(quoted([]byte(name)), r.vocabulary(name))
	})
}

func (r *reader) vocabulary(name string) error {
	if _, duplicate := r.spec.Vocabularies[name]; duplicate || !namePattern.MatchString(name) {
		return fault("", "a duplicate or invalid name", "a unique name of a-z, 0-9 and _")
	}
	words := []string{}
	err := readElements(r.scan, "an array of strings", func() error {
		if r.scan.Peek() != '"' {
			return typeError(r.scan, "a string")
		}
		word, err := r.scan.String()
		if len(word) > maxWord || len(words) == maxWords {
			return fault("", "more", fmt.Sprintf("at most %d strings of at most %d bytes", maxWords, maxWord))
		}
		words = append(words, string(word))
		return err
	})
	r.spec.Vocabularies[name] = words
	if err == nil && len(r.spec.Vocabularies) > maxVocabularies {
		err = fault("", "more", fmt.Sprintf("at most %d vocabularies", maxVocabularies))
	}
	return err
}
