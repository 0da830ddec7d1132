package features

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"leapline/scorer/internal/jsonscan"
)

// Fault is what is wrong with a spec: where, what was found, and what was expected.
type Fault struct {
	Where           string // such as `features: 3 "n_views": field k`
	Found, Expected string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", f.Where, f.Found, f.Expected)
}

func fault(where, found, expected string) error {
	return &Fault{Where: where, Found: found, Expected: expected}
}

// within puts the place around a fault before its own.
func within(place string, err error) error {
	var f *Fault
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return fmt.Errorf("%s: %w", place, err)
	}
	where := strings.TrimSuffix(place+": "+f.Where, ": ")
	return fault(strings.ReplaceAll(where, "field features: ", "feature "), f.Found, f.Expected)
}

// wrong is a fault about the value that is next.
func wrong(s *jsonscan.Scanner, expected string) error {
	raw, err := s.Raw()
	if err != nil {
		return err
	}
	return fault("", short(raw), expected)
}

func short(text []byte) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "..."
	}
	return string(text)
}

func quoted(text []byte) string { return strconv.Quote(short(text)) }
