// Package entity reads the self-describing JSON of an enriched event: the entities of `contexts`, and the event itself.
package entity

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"leapline/cleaner/internal/java"
)

const maxDepth = 500

// reader reads one JSON document (RFC 8259). It stops at the first error; what it has read by then does not count.
type reader struct {
	text  []byte
	at    int
	space []byte // of texts without their escapes
}

func (r *reader) blank() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

func (r *reader) eat(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// peek returns the next character after white space, 0 at the end.
func (r *reader) peek() byte {
	r.blank()
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// members calls f at the value of each member of an object; f must read it.
func (r *reader) members(f func(key []byte) bool) bool {
	if !r.eat('{') {
		return false
	}
	if r.peek() == '}' {
		r.at++
		return true
	}
	for {
		r.blank()
		key, ok := r.quoted()
		if !ok || r.peek() != ':' {
			return false
		}
		r.at++
		r.blank()
		if !f(key) {
			return false
		}
		switch r.peek() {
		case ',':
			r.at++
		case '}':
			r.at++
			return true
		default:
			return false
		}
	}
}

// elements calls f at each element of an array; f must read it.
func (r *reader) elements(f func() bool) bool {
	if !r.eat('[') {
		return false
	}
	if r.peek() == ']' {
		r.at++
		return true
	}
	for {
		r.blank()
		if !f() {
			return false
		}
		switch r.peek() {
		case ',':
			r.at++
		case ']':
			r.at++
			return true
		default:
			return false
		}
	}
}

// value reads any value. Texts are returned without quotes and escapes, null as nil, numbers with decimals or an exponent as Java
// writes them, everything else as it is written, without white space.
func (r *reader) value() ([]byte, bool) {
	c := r.peek()
	start := r.at
	switch c {
	case '"':
		return r.quoted()
	case '{', '[':
		if !r.skip(0) {
			return nil, false
		}
		return r.compact(r.text[start:r.at]), true
	case 'n':
		return nil, r.word("null")
	case 't', 'f':
		if !r.scalar(c) {
			return nil, false
		}
		return r.text[start:r.at], true
	}
	if !r.number() {
		return nil, false
	}
	return r.numberText(r.text[start:r.at]), true
}

func (r *reader) numberText(text []byte) []byte {
	if bytes.ContainsAny(text, ".eE") {
		x, _ := strconv.ParseFloat(string(text), 64) // out of range is infinite, as in Java
		first := len(r.space)
		r.space = java.AppendDouble(r.space, x)
		return r.space[first:len(r.space):len(r.space)]
	}
	if string(text) == "-0" {
		return text[1:]
	}
	return text
}

// compact returns valid JSON without white space between its values.
func (r *reader) compact(text []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return text
	}
	return out.Bytes()
}

// skip reads any value.
func (r *reader) skip(depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch c := r.peek(); c {
	case '"':
		return r.skipQuoted()
	case '{':
		return r.members(func([]byte) bool { return r.skip(depth + 1) })
	case '[':
		return r.elements(func() bool { return r.skip(depth + 1) })
	case 'n':
		return r.word("null")
	default:
		return r.scalar(c)
	}
}

// scalar reads true, false or a number that starts with c.
func (r *reader) scalar(c byte) bool {
	switch c {
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	}
	return r.number()
}

func (r *reader) word(word string) bool {
	if bytes.HasPrefix(r.text[r.at:], []byte(word)) {
		r.at += len(word)
		return true
	}
	return false
}

func (r *reader) number() bool {
	r.eat('-')
	first := r.at
	size := r.digits()
	if size == 0 || (size > 1 && r.text[first] == '0') {
		return false
	}
	if r.eat('.') && r.digits() == 0 {
		return false
	}
	if r.at < len(r.text) && r.text[r.at]|0x20 == 'e' {
		r.at++
		if !r.eat('+') {
			r.eat('-')
		}
		return r.digits() > 0
	}
	return true
}

func (r *reader) digits() int {
	first := r.at
	for r.at < len(r.text) && r.text[r.at]-'0' <= 9 {
		r.at++
	}
	return r.at - first
}

// skipQuoted reads a text without its value.
func (r *reader) skipQuoted() bool {
	_, ok := r.quoted()
	return ok
}

// quoted reads a text. The result is a part of the document if the text has no escapes.
func (r *reader) quoted() ([]byte, bool) {
	if !r.eat('"') {
		return nil, false
	}
	start := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[start : r.at-1 : r.at-1], true
		case c == '\\':
			return r.unescaped(start)
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// unescaped reads the rest of a text that starts at start and has an escape at the current place.
func (r *reader) unescaped(start int) ([]byte, bool) {
	first := len(r.space)
	r.space = append(r.space, r.text[start:r.at]...)
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			return r.space[first:len(r.space):len(r.space)], true
		case c < ' ':
			return nil, false
		case c != '\\':
			r.space = append(r.space, c)
		case !r.escape():
			return nil, false
		}
	}
	return nil, false
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what follows a backslash. Half a surrogate pair becomes a question mark, as in Java.
func (r *reader) escape() bool {
	if r.at >= len(r.text) {
		return false
	}
	c := r.text[r.at]
	r.at++
	if c != 'u' {
		r.space = append(r.space, escapes[c])
		return escapes[c] != 0
	}
	high, ok := r.hex()
	if !ok {
		return false
	}
	if high < 0xd800 || high > 0xdfff {
		r.space = utf8.AppendRune(r.space, high)
		return true
	}
	if high < 0xdc00 && bytes.HasPrefix(r.text[r.at:], []byte(`\u`)) {
		before := r.at
		r.at += 2
		low, ok := r.hex()
		if !ok {
			return false
		}
		if low >= 0xdc00 && low <= 0xdfff {
			r.space = utf8.AppendRune(r.space, 0x10000+(high-0xd800)<<10+(low-0xdc00))
			return true
		}
		r.at = before
	}
	r.space = append(r.space, '?')
	return true
}

func (r *reader) hex() (rune, bool) {
	if len(r.text)-r.at < 4 {
		return 0, false
	}
	value := rune(0)
	for _, c := range r.text[r.at : r.at+4] {
		switch {
		case c-'0' <= 9:
			value = value<<4 + rune(c-'0')
		case (c|0x20)-'a' <= 5:
			value = value<<4 + rune((c|0x20)-'a') + 10
		default:
			return 0, false
		}
	}
	r.at += 4
	return value, true
}
