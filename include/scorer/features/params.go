package features

import (
	"fmt"
	"math"
	"slices"

	"leapline/scorer/internal/jsonscan"
)

// Feature is an entry of a spec. Which of its parameters mean something depends on the operation.
type Feature struct {
	Name     string
	Op       string
	Category bool // a string, not a number

	Of, At, Part, Stat, By, Give, Vocabulary string
	K                                        int
	Missing                                  float64
	Categorical, Negate                      bool

	scope                scope
	scoped               bool // whether the entry says so
	kinds, pages, among  mask
	nextKinds, nextPages mask
}

func (f *Feature) of() *string     { return &f.Of }
func (f *Feature) kindMask() *mask { return &f.kinds }
func (f *Feature) pageMask() *mask { return &f.pages }

// param is one parameter of an operation; read takes its value.
type param struct {
	name     string
	required bool
	read     func(f *Feature, s *jsonscan.Scanner) error
}

func (p param) needed() param {
	p.required = true
	return p
}

func choice(name string, to func(f *Feature) *string, words ...string) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) error {
		i, err := oneOf(s, words)
		if err == nil {
			*to(f) = words[i]
		}
		return err
	}}
}

// maskOf reads a list of words, at least one; null is as if it were left out.
func maskOf(name string, to func(f *Feature) *mask, words []string) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) error {
		if null, err := s.Null(); null {
			return err
		}
		var chosen mask
		err := eachElement(s, "an array of words", func() error {
			i, err := oneOf(s, words)
			chosen |= 1 << max(i, 0)
			return err
		})
		if err == nil && chosen == 0 {
			err = fault("", "[]", "at least one of "+listed(words))
		}
		*to(f) = chosen
		return err
	}}
}

func flag(name string, to func(f *Feature) *bool) param {
	return param{name: name, read: func(f *Feature, s *jsonscan.Scanner) (err error) {
		if next := s.Peek(); next != 't' && next != 'f' {
			return wrong(s, "true or false")
		}
		*to(f), err = s.Bool()
		return err
	}}
}

func readMissing(f *Feature, s *jsonscan.Scanner) (err error) {
	if !numberNext(s) {
		return wrong(s, "a number")
	}
	f.Missing, err = s.Float()
	return err
}

// rankUpTo reads a k.
func rankUpTo(most int64) param {
	return param{name: "k", required: true, read: func(f *Feature, s *jsonscan.Scanner) error {
		k, err := wholeBetween(s, 1, most)
		f.K = int(k)
		return err
	}}
}

func readScope(f *Feature, s *jsonscan.Scanner) error {
	if null, err := s.Null(); null {
		return err
	}
	i, err := oneOf(s, scopeNames)
	f.scope, f.scoped = scope(max(i, 0)), true
	return err
}

func readVocabulary(f *Feature, s *jsonscan.Scanner) error {
	const expected = "the name of a vocabulary, of a-z, 0-9 and _"
	if s.Peek() != '"' {
		return wrong(s, expected)
	}
	name, err := s.String()
	if err == nil && !namePattern.Match(name) {
		err = fault("", quoted(name), expected)
	}
	f.Vocabulary = string(name)
	return err
}

func wholeBetween(s *jsonscan.Scanner, least, most int64) (int64, error) {
	expected := fmt.Sprintf("a whole number from %d to %d", least, most)
	if !numberNext(s) {
		return 0, wrong(s, expected)
	}
	start := s.Pos()
	n, err := s.Int()
	if err != nil || n < least || n > most {
		s.Seek(start)
		return 0, wrong(s, expected)
	}
	return n, nil
}

func numberNext(s *jsonscan.Scanner) bool {
	next := s.Peek()
	return next == '-' || next-'0' <= 9
}

// oneOf reads one of some words, and gives its number.
func oneOf(s *jsonscan.Scanner, words []string) (int, error) {
	expected := "one of " + listed(words)
	if s.Peek() != '"' {
		return -1, wrong(s, expected)
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

func eachElement(s *jsonscan.Scanner, expected string, read func() error) error {
	if s.Peek() != '[' {
		return wrong(s, expected)
	}
	return s.Elements(math.MaxInt, read)
}
