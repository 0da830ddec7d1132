package features

import (
	"slices"

	"leapline/scorer/internal/jsonscan"
)

// Feature is an entry of a spec. Which of its parameters mean something depends on the operation.
type Feature struct {
	Name     string
	Op       string
	Category bool // a string, not a number

	Of, At, Part, Stat, By, Give string
	K                            int
	Missing                      float64
	Categorical, Negate          bool

	kinds, pages, among  mask
	nextKinds, nextPages mask
}

func (f *Feature) of() *string     { return &f.Of }
func (f *Feature) kindMask() *mask { return &f.kinds }
func (f *Feature) pageMask() *mask { return &f.pages }

// mostRank is the largest k.
const mostRank = 100

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

func readRank(f *Feature, s *jsonscan.Scanner) error {
	if !numberNext(s) {
		return wrong(s, "a whole number from 1 to 100")
	}
	start := s.Pos()
	k, err := s.Int()
	if err != nil || k < 1 || k > mostRank {
		s.Seek(start)
		return wrong(s, "a whole number from 1 to 100")
	}
	f.K = int(k)
	return nil
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
	if err := s.Array(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.Elem(first)
		if !more || err != nil {
			return err
		}
		if err := read(); err != nil {
			return err
		}
	}
}
