// Package jsonscan is a pull scanner for JSON over one byte slice. It uses no reflection and allocates only for strings
// with escapes. It is as strict as RFC 8259 (no control characters in strings, leading zeros, NaN, trailing commas or
// invalid UTF-8) and rejects nesting deeper than MaxDepth. Numbers have exactly the values that strconv returns.
// docs/decisions/0020-json-scanner.md compares it with encoding/json and others.
package jsonscan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth is the maximum nesting of objects and arrays that Skip and Raw accept.
const MaxDepth = 64

var errDepth = errors.New("nested too deeply")

// Scanner is a cursor over one JSON text. The zero value has an empty text; set it with Reset.
type Scanner struct {
	buf     []byte
	pos     int
	scratch []byte
}

// New returns a scanner at the start of buf.
func New(buf []byte) *Scanner { return &Scanner{buf: buf} }

// Reset moves the scanner to the start of buf and keeps its scratch memory.
func (s *Scanner) Reset(buf []byte) { s.buf, s.pos = buf, 0 }

// Pos returns the offset of the next byte.
func (s *Scanner) Pos() int { return s.pos }

// Seek moves the cursor to an offset that Pos has returned.
func (s *Scanner) Seek(pos int) { s.pos = pos }

// Rest returns the text from the cursor to the end.
func (s *Scanner) Rest() []byte { return s.buf[s.pos:] }

// From returns the text from an offset to the cursor.
func (s *Scanner) From(start int) []byte { return s.buf[start:s.pos] }

// Between returns the text between two offsets.
func (s *Scanner) Between(start, end int) []byte { return s.buf[start:end] }

// Peek skips white space and returns the next byte without consuming it; 0 at the end.
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

// Errorf returns an error with the scanner's position.
func (s *Scanner) Errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %s", s.pos, fmt.Sprintf(format, args...))
}

func (s *Scanner) unexpected(want string) error {
	s.Peek()
	if s.pos >= len(s.buf) {
		return s.Errorf("unexpected end of input, expected %s", want)
	}
	return s.Errorf("found %s, expected %s", describe(s.buf[s.pos:]), want)
}

// describe returns the kind of value that text starts with.
func describe(text []byte) string {
	switch text[0] {
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
	r, _ := utf8.DecodeRune(text)
	if r == '\ufeff' {
		return "a byte-order mark"
	}
	return strconv.QuoteRune(r)
}

// End checks that only white space follows.
func (s *Scanner) End() error {
	if s.Peek() != 0 || s.pos < len(s.buf) {
		return s.unexpected("end of input")
	}
	return nil
}

func (s *Scanner) consume(c byte, want string) error {
	if s.Peek() != c {
		return s.unexpected(want)
	}
	s.pos++
	return nil
}

// Object consumes the opening brace of an object.
func (s *Scanner) Object() error { return s.consume('{', "an object") }

// Array consumes the opening bracket of an array.
func (s *Scanner) Array() error { return s.consume('[', "an array") }

// Key consumes the next key of an object and its colon; at the closing brace, which it consumes too, more is false. The
// argument is true for the object's first key. The key is valid until the next call that reads a string.
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
	return key, true, s.consume(':', "a colon")
}

// Elem reports whether an array has another element, and consumes the comma before it or the closing bracket. The argument
// is true for the array's first element.
func (s *Scanner) Elem(first bool) (more bool, err error) {
	return s.next(first, ']', "an element or ]")
}

// Members consumes an object. It calls read with each key; read consumes the value.
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

// Elements consumes an array of at most limit elements. It calls read for each; read consumes the element.
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
			return s.Errorf("array exceeds %d elements", limit)
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

// Null consumes a null and reports whether one was next.
func (s *Scanner) Null() (bool, error) {
	if s.Peek() != 'n' {
		return false, nil
	}
	return true, s.literal("null")
}

// Bool consumes true or false.
func (s *Scanner) Bool() (bool, error) {
	switch s.Peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	}
	return false, s.unexpected("a boolean")
}

// Literal consumes text if it is exactly at the cursor, and reports whether it was.
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

// Float consumes a number. A number outside float64's range is an error.
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
		return 0, s.Errorf("number %.40s is out of range for a double", text)
	}
	return x, nil
}

// FloatOrNull consumes a number or null. It returns NaN for null.
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

// Int consumes a whole number in int64's range, without fraction and exponent: 1.0 and 1e3 are errors.
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

// Number consumes a number and returns its text.
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
			return nil, s.Errorf("number has no digits after the decimal point")
		}
		i = j
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		j := i + 1
		if j < len(buf) && (buf[j] == '+' || buf[j] == '-') {
			j++
		}
		if i = skipDigits(buf, j); i == j {
			return nil, s.Errorf("number has no digits in the exponent")
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

// Skip consumes one value of any kind.
func (s *Scanner) Skip() error { return s.skip(0) }

// Raw consumes one value of any kind and returns its text.
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
