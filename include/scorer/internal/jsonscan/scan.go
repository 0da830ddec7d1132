// Package jsonscan reads JSON by hand: a pull scanner over one byte slice, without reflection, and without allocation
// for anything but strings with escapes. It refuses what RFC 8259 refuses (control characters in strings, leading
// zeros, NaN, trailing commas, invalid UTF-8) and nesting deeper than MaxDepth. Numbers are exactly strconv's.
package jsonscan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unsafe"
)

// MaxDepth is the deepest nesting of objects and arrays that Skip and Raw accept.
const MaxDepth = 64

var errDepth = errors.New("nested too deeply")

// Scanner is a cursor over one JSON text. The zero value is empty; Reset gives it a text.
type Scanner struct {
	buf     []byte
	pos     int
	scratch []byte
}

// New gives a scanner at the start of buf.
func New(buf []byte) *Scanner { return &Scanner{buf: buf} }

// Reset puts the scanner at the start of buf, keeping its scratch memory.
func (s *Scanner) Reset(buf []byte) { s.buf, s.pos = buf, 0 }

// Pos is the offset of the next byte to read.
func (s *Scanner) Pos() int { return s.pos }

// Seek puts the cursor at an offset that Pos gave.
func (s *Scanner) Seek(pos int) { s.pos = pos }

// Rest is the text from the cursor on, From and Between are parts of it.
func (s *Scanner) Rest() []byte { return s.buf[s.pos:] }

// From is the text from an offset up to the cursor.
func (s *Scanner) From(start int) []byte { return s.buf[start:s.pos] }

// Between is the text between two offsets.
func (s *Scanner) Between(start, end int) []byte { return s.buf[start:end] }

// Peek skips white space and gives the next byte without taking it; 0 at the end.
func (s *Scanner) Peek() byte {
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		if c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
			return c
		}
		s.pos++
	}
	return 0
}

// Errorf makes an error that says where the scanner stands.
func (s *Scanner) Errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", s.pos, fmt.Sprintf(format, args...))
}

func (s *Scanner) unexpected(want string) error {
	c := s.Peek()
	if s.pos >= len(s.buf) {
		return s.Errorf("ends early, expected %s", want)
	}
	return s.Errorf("found %s, expected %s", what(c), want)
}

func what(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return "a number"
	}
	return strconv.QuoteRune(rune(c))
}

// End refuses anything but white space up to the end.
func (s *Scanner) End() error {
	if s.Peek() != 0 || s.pos < len(s.buf) {
		return s.unexpected("the end")
	}
	return nil
}

func (s *Scanner) take(c byte, want string) error {
	if s.Peek() != c {
		return s.unexpected(want)
	}
	s.pos++
	return nil
}

// Object takes the opening brace.
func (s *Scanner) Object() error { return s.take('{', "an object") }

// Array takes the opening bracket.
func (s *Scanner) Array() error { return s.take('[', "an array") }

// Key takes the next key of an object and its colon; more is false at the closing brace, which it takes too.
// first says whether this is the object's first key. The key is valid until the next call that reads a string.
func (s *Scanner) Key(first bool) (key []byte, more bool, err error) {
	if more, err = s.next(first, '}', "a key or }"); !more {
		return nil, false, err
	}
	if key, err = s.String(); err != nil {
		return nil, false, err
	}
	if s.pos < len(s.buf) && s.buf[s.pos] == ':' {
		s.pos++
		return key, true, nil
	}
	return key, true, s.take(':', "a colon")
}

// Elem says whether an array has another element, and takes the comma or the closing bracket before it.
func (s *Scanner) Elem(first bool) (more bool, err error) {
	return s.next(first, ']', "an element or ]")
}

// Members takes an object, giving each key to read, which takes its value.
func (s *Scanner) Members(read func(key string) error) error {
	if err := s.Object(); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if !more || err != nil {
			return err
		}
		if err := read(string(key)); err != nil {
			return err
		}
	}
}

// Elements takes an array of at most limit elements, each of which read takes.
func (s *Scanner) Elements(limit int, read func() error) error {
	if err := s.Array(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := s.Elem(n == 0)
		if !more || err != nil {
			return err
		}
		if n == limit {
			return s.Errorf("a list of more than %d elements", limit)
		}
		if err := read(); err != nil {
			return err
		}
	}
}

func (s *Scanner) next(first bool, closing byte, want string) (bool, error) {
	c := s.Peek()
	switch {
	case c == closing:
		s.pos++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.unexpected("a comma or " + string(closing))
	}
	s.pos++
	if s.Peek() == closing {
		return false, s.unexpected(want)
	}
	return true, nil
}

// Null takes a null if one is next.
func (s *Scanner) Null() (bool, error) {
	if s.Peek() != 'n' {
		return false, nil
	}
	return true, s.literal("null")
}

// Bool takes true or false.
func (s *Scanner) Bool() (bool, error) {
	switch s.Peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.unexpected("a boolean")
}

// Literal takes a text if it stands exactly at the cursor.
func (s *Scanner) Literal(text string) bool {
	if len(s.buf)-s.pos < len(text) || string(s.buf[s.pos:s.pos+len(text)]) != text {
		return false
	}
	s.pos += len(text)
	return true
}

func (s *Scanner) literal(word string) error {
	if len(s.buf)-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		return s.unexpected(word)
	}
	s.pos += len(word)
	return nil
}

// Float takes a number. One beyond float64's range is refused.
func (s *Scanner) Float() (float64, error) {
	s.Peek()
	if x, size := shortFloat(s.buf[s.pos:]); size > 0 {
		s.pos += size
		return x, nil
	}
	start := s.pos
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	x, err := ParseFloat(text)
	if err != nil {
		s.pos = start
		return 0, s.Errorf("number %.40s does not fit a double", text)
	}
	return x, nil
}

// FloatOrNull takes a number, or null as NaN.
func (s *Scanner) FloatOrNull() (float64, error) {
	if s.Peek() == 'n' {
		return math.NaN(), s.literal("null")
	}
	return s.Float()
}

// ParseFloat parses a JSON number's text.
func ParseFloat(text []byte) (float64, error) {
	return strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
}

// Int takes a whole number that fits an int64; 1.0 and 1e3 are not whole numbers here.
func (s *Scanner) Int() (int64, error) {
	start := s.pos
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(text), len(text)), 10, 64)
	if err != nil {
		s.pos = start
		return 0, s.Errorf("number %.40s is not a whole number of 64 bits", text)
	}
	return n, nil
}

// Number takes a number and gives its text.
func (s *Scanner) Number() ([]byte, error) {
	s.Peek()
	buf, start := s.buf, s.pos
	i := start
	if i < len(buf) && buf[i] == '-' {
		i++
	}
	digits := i
	i = skipDigits(buf, i)
	if i == digits || (buf[digits] == '0' && i > digits+1) {
		return nil, s.unexpected("a number")
	}
	if i < len(buf) && buf[i] == '.' {
		j := skipDigits(buf, i+1)
		if j == i+1 {
			return nil, s.Errorf("a number without digits after its point")
		}
		i = j
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		j := i + 1
		if j < len(buf) && (buf[j] == '+' || buf[j] == '-') {
			j++
		}
		if i = skipDigits(buf, j); i == j {
			return nil, s.Errorf("a number without digits in its exponent")
		}
	}
	s.pos = i
	return buf[start:i], nil
}

func skipDigits(buf []byte, i int) int {
	for i < len(buf) && buf[i]-'0' <= 9 {
		i++
	}
	return i
}

// Skip takes any one value.
func (s *Scanner) Skip() error { return s.skip(0) }

// Raw takes any one value and gives its text.
func (s *Scanner) Raw() ([]byte, error) {
	s.Peek()
	start := s.pos
	if err := s.skip(0); err != nil {
		return nil, err
	}
	return s.buf[start:s.pos], nil
}

func (s *Scanner) skip(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	switch c := s.Peek(); c {
	case '{':
		return s.skipObject(depth)
	case '[':
		return s.skipArray(depth)
	case '"':
		_, err := s.String()
		return err
	case 't', 'f':
		_, err := s.Bool()
		return err
	case 'n':
		return s.literal("null")
	}
	_, err := s.Number()
	return err
}

func (s *Scanner) skipObject(depth int) error {
	s.pos++
	for first := true; ; first = false {
		_, more, err := s.Key(first)
		if !more || err != nil {
			return err
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}

func (s *Scanner) skipArray(depth int) error {
	s.pos++
	for first := true; ; first = false {
		more, err := s.Elem(first)
		if !more || err != nil {
			return err
		}
		if err := s.skip(depth + 1); err != nil {
			return err
		}
	}
}
