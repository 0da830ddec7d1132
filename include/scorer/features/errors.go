package features

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"leapline/scorer/internal/jsonscan"
)

// Fault is an error in a spec: where it is, what was found, and what was expected.
type Fault struct {
	Where           string // for example `feature 3 "n_views": field k`
	Found, Expected string
}

// Error returns the fault in one line.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", f.Where, f.Found, f.Expected)
}

func fault(where, found, expected string) error {
	return &Fault{Where: where, Found: found, Expected: expected}
}

// withPath prepends the enclosing element's path to a fault's.
func withPath(path string, err error) error {
	var f *Fault
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &f):
		return fmt.Errorf("%s: %w", path, err)
	}
	where := strings.TrimSuffix(path+": "+f.Where, ": ")
	return fault(strings.ReplaceAll(where, "field features: ", "feature "), f.Found, f.Expected)
}

// typeError returns a fault about the next value.
func typeError(s *jsonscan.Scanner, expected string) error {
	raw, err := s.Raw()
	if err != nil {
		return err
	}
	return fault("", short(raw), expected)
}

// short returns a text, abbreviated if it is long.
func short(text []byte) string {
	const limit = 60
	if len(text) > limit {
		return strings.ToValidUTF8(string(text[:limit]), "") + "..."
	}
	return string(text)
}

func quoted(text []byte) string { return strconv.Quote(short(text)) }
