package features

import (
	"fmt"
	"math"
	"slices"

	"leapline/scorer/internal/jsonscan"
)

// Feature is an entry of a spec. The operation determines which of the parameters apply.
type Feature struct {
	Name     string
	Op       string
	Category bool // a string, not a number

	Of, At, Part, Stat, By, Give, Vocabulary string
	K                                        int
	Missing                                  float64
	Categorical, Negate                      bool

	scope                scope
	scoped               bool // whether the entry sets the scope
	kinds, pages, among  mask
	nextKinds, nextPages mask
}

func (f *Feature) of() *string     { return &f.Of }
func (f *Feature) kindMask() *mask { return &f.kinds }
func (f *Feature) pageMask() *mask { return &f.pages }

// param is one parameter of an operation; read consumes its value.
type param struct {
	name     string
	required bool
	read     func(f *Feature, s *jsonscan.Scanner) error
}

// require makes the parameter mandatory.
func (p param) require() param {
	p.required = true
	return p
}

// choiceParam returns a parameter that is one of some words.
func choiceParam(name string, to func(f *Feature) *string, words ...string) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) error {
		i, err := readOneOf(s, words)
		if err == nil {
			*to(f) = words[i]
		}
		return err
	}}
}

// maskParam returns a parameter that is a non-empty array of words; null is the same as absent.
func maskParam(name string, to func(f *Feature) *mask, words []string) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) error {
		if null, err := s.Null(); null {
			return err
		}
		var chosen mask
		err := readElements(s, "an array of words", func() error {
			i, err := readOneOf(s, words)
			chosen |= 1 << max(i, 0)
			return err
		})
		if err == nil && chosen == 0 {
			err = fault("", "[]", "at least one of "+joinNames(words))
		}
		*to(f) = chosen
		return err
	}}
}

// flagParam returns a parameter that is true or false.
func flagParam(name string, to func(f *Feature) *bool) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) (err error) {
		if next := s.Peek(); next != 't' && next != 'f' {
			return typeError(s, "true or false")
		}
		*to(f), err = s.Bool()
		return err
	}}
}

func readMissing(f *Feature, s *jsonscan.Scanner) (err error) {
	if !nextIsNumber(s) {
		return typeError(s, "a number")
	}
	f.Missing, err = s.Float()
	return err
}

// rankParam returns the parameter k, a whole number from 1 to limit.
func rankParam(limit int64) param {
	return param{name: "k", required: true, read: func(f *Feature, s *jsonscan.Scanner) error {
		k, err := readIntBetween(s, 1, limit)
		f.K = int(k)
		return err
	}}
}

func readScope(f *Feature, s *jsonscan.Scanner) error {
	if null, err := s.Null(); null {
		return err
	}
	i, err := readOneOf(s, scopeNames)
	f.scope, f.scoped = scope(max(i, 0)), true
	return err
}

func readVocabulary(f *Feature, s *jsonscan.Scanner) error {
	const expected = "the name of a vocabulary, of a-z, 0-9 and _"
	if s.Peek() != '"' {
		return typeError(s, expected)
	}
	name, err := s.String()
	if err == nil && !namePattern.Match(name) {
		err = fault("", quoted(name), expected)
	}
	f.Vocabulary = string(name)
	return err
}

func readIntBetween(s *jsonscan.Scanner, least, limit int64) (int64, error) {
	expected := fmt.Sprintf("a whole number from %d to %d", least, limit)
	if !nextIsNumber(s) {
		return 0, typeError(s, expected)
	}
	start := s.Pos()
	n, err := s.Int()
	if err != nil || n < least || n > limit {
		s.Seek(start)
		return 0, typeError(s, expected)
	}
	return n, nil
}

func nextIsNumber(s *jsonscan.Scanner) bool {
	next := s.Peek()
	return next == '-' || next-'0' <= 9
}

// readOneOf reads one of some words and returns its index.
func readOneOf(s *jsonscan.Scanner, words []string) (int, error) {
	expected := "one of " + joinNames(words)
	if s.Peek() != '"' {
		return -1, typeError(s, expected)
	}
	word, err := s.String()
	if err != nil {
		return -1, err
	}
	i := slices.Index(words, string(word))
	if i < 0 {
		return -1, fault("", quoted(word), expected)
	}
	return i, nil
}

func readElements(s *jsonscan.Scanner, expected string, read func() error) error {
	if s.Peek() != '[' {
		return typeError(s, expected)
	}
	return s.Elements(math.MaxInt, read)
}
