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

// maxName is the number of characters of an item's or a category's name that are significant, as in training.
const maxName = 200

// pointer returns the decoder's position as a JSON pointer (RFC 6901).
func (d *sessionDecoder) pointer() string {
	at := "/session"
	if !d.query.single {
		at = fmt.Sprintf("/sessions/%d", d.session)
	}
	if d.event >= 0 {
		at += fmt.Sprintf("/events/%d", d.event)
	}
	if d.member != "" {
		at += "/" + d.member
	}
	return at
}

// reject returns a problem at the decoder's position.
func (d *sessionDecoder) reject(format string, args ...any) error {
	return newProblem(http.StatusUnprocessableEntity, format, args...).withPointer(d.pointer())
}

// typeError rejects the next value.
func (d *sessionDecoder) typeError(expected string) error {
	raw, err := d.req.scan.Raw()
	if err != nil {
		return malformedJSON(err)
	}
	return d.reject("must be %s, found %.40s", expected, content(raw))
}

func (d *sessionDecoder) unknownMember(key []byte, names []string) error {
	d.member = ""
	return d.reject("unknown member %.80q, expected %s", content(key), strings.Join(names, ", "))
}

// readID reads the session's id, a string or a number, verbatim.
func (d *sessionDecoder) readID() error {
	s := &d.req.scan
	if next := s.Peek(); next != '"' && next != '-' && next-'0' > 9 {
		return d.typeError("a string or a number")
	}
	raw, err := s.Raw()
	if err != nil {
		return malformedJSON(err)
	}
	d.rawID = raw
	return nil
}

// readText reads a string; null means "".
func (d *sessionDecoder) readText(to *string) error {
	s := &d.req.scan
	if null, err := s.Null(); null {
		if err != nil {
			return malformedJSON(err)
		}
		return nil
	}
	if s.Peek() != '"' {
		return d.typeError("a string or null")
	}
	text, err := s.Text()
	if err != nil {
		return malformedJSON(err)
	}
	*to = text
	return nil
}

// readName reads the name of an item or a category and normalises it as in training: without surrounding blanks, at most
// 200 characters.
func (d *sessionDecoder) readName(to *string) error {
	err := d.readText(to)
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

func (d *sessionDecoder) readKind() (features.Kind, error) {
	if d.req.scan.Peek() != '"' {
		return 0, d.typeError("a string")
	}
	var word string
	err := d.readText(&word)
	return features.KindOf(word), err
}

func (d *sessionDecoder) readPage() (features.Page, error) {
	var word string
	err := d.readText(&word)
	return features.PageOf(word), err
}

// readTimestamp reads a time and returns its microseconds since 1970 (UTC).
func (d *sessionDecoder) readTimestamp() (micros int64, err error) {
	s := &d.req.scan
	next, start := s.Peek(), s.Pos()
	switch {
	case next == '"':
		text, err := s.String()
		if err != nil {
			return 0, malformedJSON(err)
		}
		if micros, ok := parseTimestamp(text); ok {
			return micros, nil
		}
	case next == '-' || next-'0' <= 9:
		raw, err := s.Number()
		if err != nil {
			return 0, malformedJSON(err)
		}
		if ms, ok := parseWhole(raw); ok && ms >= minMilliseconds && ms <= lastTimestamp.UnixMilli() {
			return ms * 1000, nil
		}
	}
	s.Seek(start)
	return 0, d.typeError(expectedTimestamp)
}

// readNumber reads a number; ok is false for null.
func (d *sessionDecoder) readNumber(to *float64) (ok bool, err error) {
	raw, err := d.numberText("a number or null")
	if raw == nil || err != nil {
		return false, err
	}
	if *to, err = jsonscan.ParseFloat(raw); err != nil {
		return false, d.reject("%.40s is out of range for a double", content(raw))
	}
	return true, nil
}

// readInt32 reads a whole number of 32 bits; ok is false for null.
func (d *sessionDecoder) readInt32(to *int32) (ok bool, err error) {
	raw, err := d.numberText("a whole number or null")
	if raw == nil || err != nil {
		return false, err
	}
	n, ok := parseWhole(raw)
	if !ok || n != int64(int32(n)) {
		return false, d.reject("must be a whole number of 32 bits, found %.40s", content(raw))
	}
	*to = int32(n)
	return true, nil
}

// numberText reads a number and returns its text, nil for null.
func (d *sessionDecoder) numberText(expected string) ([]byte, error) {
	s := &d.req.scan
	if null, err := s.Null(); null {
		if err != nil {
			return nil, malformedJSON(err)
		}
		return nil, nil
	}
	if next := s.Peek(); next != '-' && next-'0' > 9 {
		return nil, d.typeError(expected)
	}
	raw, err := s.Number()
	if err != nil {
		return nil, malformedJSON(err)
	}
	return raw, nil
}

// parseWhole parses a whole number, including forms such as 3.0 and 3e2.
func parseWhole(raw []byte) (n int64, ok bool) {
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
