package server

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"
	"unicode/utf8"

	"leapline/scorer/features"
	"leapline/scorer/internal/jsonscan"
)

// maxName is how many characters of an item's or a category's name count, as in training.
const maxName = 200

// pointer says where the visit stands, as a JSON pointer (RFC 6901).
func (v *visit) pointer() string {
	at := "/session"
	if !v.q.single {
		at = fmt.Sprintf("/sessions/%d", v.n)
	}
	if v.event >= 0 {
		at += fmt.Sprintf("/events/%d", v.event)
	}
	if v.field != "" {
		at += "/" + v.field
	}
	return at
}

// at says where in the request the fault is.
func (p *Problem) at(pointer string) *Problem {
	p.Detail, p.Pointer = pointer+": "+p.Detail, pointer
	return p
}

func (v *visit) refuse(detail string) error {
	return problem(http.StatusUnprocessableEntity, "%s", detail).at(v.pointer())
}

// wrong refuses the value that is next.
func (v *visit) wrong(wanted string) error {
	raw, err := v.x.scan.Raw()
	if err != nil {
		return notJSON(err)
	}
	return v.refuse(fmt.Sprintf("must be %s, found %.40s", wanted, raw))
}

func (v *visit) unknown(key []byte, names []string) error {
	v.field = ""
	return v.refuse(fmt.Sprintf("unknown member %.80q, expected %s", key, strings.Join(names, ", ")))
}

// readID takes the session's id, a string or a number, as it stands there.
func (v *visit) readID() error {
	s := &v.x.scan
	if next := s.Peek(); next != '"' && next != '-' && next-'0' > 9 {
		return v.wrong("a string or a number")
	}
	raw, err := s.Raw()
	if err != nil {
		return notJSON(err)
	}
	v.id = raw
	return nil
}

// readText takes a string, or null for "".
func (v *visit) readText(to *string) error {
	s := &v.x.scan
	if null, err := s.Null(); null {
		if err != nil {
			return notJSON(err)
		}
		return nil
	}
	if s.Peek() != '"' {
		return v.wrong("a string or null")
	}
	text, err := s.Text()
	if err != nil {
		return notJSON(err)
	}
	*to = text
	return nil
}

// readName takes the name of an item or a category, cut as it was in training: no blanks around it, 200 characters.
func (v *visit) readName(to *string) error {
	err := v.readText(to)
	*to = strings.Trim(*to, " ")
	if len(*to) <= maxName || utf8.RuneCountInString(*to) <= maxName {
		return err
	}
	end, n := 0, 0
	for end = range *to {
		if n == maxName {
			break
		}
		n++
	}
	*to = strings.TrimRight((*to)[:end], " ")
	return err
}

func (v *visit) readKind() (features.Kind, error) {
	if v.x.scan.Peek() != '"' {
		return 0, v.wrong("a string")
	}
	var word string
	err := v.readText(&word)
	return features.KindOf(word), err
}

func (v *visit) readPage() (features.Page, error) {
	var word string
	err := v.readText(&word)
	return features.PageOf(word), err
}

// readNumber takes a number; null is none.
func (v *visit) readNumber(to *float64) (there bool, err error) {
	raw, err := v.digits("a number or null")
	if raw == nil || err != nil {
		return false, err
	}
	if *to, err = jsonscan.ParseFloat(raw); err != nil {
		return false, v.refuse(fmt.Sprintf("%.40s does not fit a double", raw))
	}
	return true, nil
}

// readWhole takes a whole number of 32 bits; null is none.
func (v *visit) readWhole(to *int32) (there bool, err error) {
	raw, err := v.digits("a whole number or null")
	if raw == nil || err != nil {
		return false, err
	}
	n, whole := wholeNumber(raw)
	if !whole || n != int64(int32(n)) {
		return false, v.refuse(fmt.Sprintf("must be a whole number of 32 bits, found %.40s", raw))
	}
	*to = int32(n)
	return true, nil
}

// digits takes a number's text; nil is null.
func (v *visit) digits(wanted string) ([]byte, error) {
	s := &v.x.scan
	if null, err := s.Null(); null {
		if err != nil {
			return nil, notJSON(err)
		}
		return nil, nil
	}
	if next := s.Peek(); next != '-' && next-'0' > 9 {
		return nil, v.wrong(wanted)
	}
	raw, err := s.Number()
	if err != nil {
		return nil, notJSON(err)
	}
	return raw, nil
}

// wholeNumber reads a number that is whole, also when it is written as 3.0 or 3e2.
func wholeNumber(raw []byte) (n int64, whole bool) {
	if bytes.ContainsAny(raw, ".eE") || len(raw) > 18 {
		x, err := jsonscan.ParseFloat(raw)
		if err != nil || x != math.Trunc(x) || math.Abs(x) >= 1<<53 {
			return 0, false
		}
		return int64(x), true
	}
	start := 0
	if raw[0] == '-' {
		start = 1
	}
	for _, c := range raw[start:] {
		n = n*10 + int64(c-'0')
	}
	if start == 1 {
		n = -n
	}
	return n, true
}
