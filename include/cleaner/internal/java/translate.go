package java

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	atEnd      = `(?=(?:\r\n|[\n\r\x85\u2028\u2029])?\z)`
	anyInLine  = `[^\n\r\x85\u2028\u2029]`
	blanks     = `\t\n\x0B\f\r `
	noBlanks   = "\\x00-\\x08\\x0E-\\x1F!-\U0010FFFF"
	ignoreCase = "(?i)"
)

// translator rewrites a regular expression of Java for regexp2, construct by construct, where the two differ: $ matches before any
// line terminator at the end and . matches none, \s includes the vertical tab, and letters whose case is ignored are those of ASCII.
// What leapline.events.patterns accepts has the same meaning afterwards.
type translator struct {
	out     strings.Builder
	rest    string
	folding []bool // per open group, and the outermost
}

func translate(expression string) (string, error) {
	t := translator{rest: expression, folding: []bool{false}}
	if after, ok := strings.CutPrefix(t.rest, ignoreCase); ok {
		t.rest, t.folding[0] = after, true
	}
	for t.rest != "" {
		if err := t.construct(); err != nil {
			return "", fmt.Errorf("regular expression %.80q: %w", expression, err)
		}
	}
	return t.out.String(), nil
}

func (t *translator) construct() error {
	switch t.rest[0] {
	case '\\':
		return t.escape(`[`+blanks+`]`, `[^`+blanks+`]`)
	case '[':
		return t.class()
	case '(':
		t.open()
	case ')':
		if len(t.folding) == 1 {
			return fmt.Errorf("a group is closed that was not opened")
		}
		t.folding = t.folding[:len(t.folding)-1]
		t.copy(1)
	case '$':
		t.replace(1, atEnd)
	case '.':
		t.replace(1, anyInLine)
	default:
		if letter := t.rest[0]; t.folds() && isLetter(letter) {
			t.replace(1, string([]byte{'[', letter, otherCase(letter), ']'}))
		} else {
			t.copy(1)
		}
	}
	return nil
}

func (t *translator) folds() bool { return t.folding[len(t.folding)-1] }

func (t *translator) copy(bytes int) { t.replace(bytes, t.rest[:bytes]) }

func (t *translator) replace(bytes int, by string) {
	t.out.WriteString(by)
	t.rest = t.rest[bytes:]
}

func (t *translator) open() {
	if strings.HasPrefix(t.rest, "(?i:") {
		t.folding = append(t.folding, true)
		t.replace(4, "(?:")
		return
	}
	t.folding = append(t.folding, t.folds())
	t.copy(1)
	if strings.HasPrefix(t.rest, "?") {
		t.copy(1)
	}
}

func (t *translator) escape(space, noSpace string) error {
	if len(t.rest) < 2 {
		return fmt.Errorf("it ends with a backslash")
	}
	switch t.rest[1] {
	case 's':
		t.replace(2, space)
	case 'S':
		t.replace(2, noSpace)
	default:
		_, size := utf8.DecodeRuneInString(t.rest[1:])
		t.copy(1 + size)
	}
	return nil
}

// class copies a character class. Where case is ignored, it adds the other case of each letter and of each part of a range.
func (t *translator) class() error {
	t.copy(1)
	if strings.HasPrefix(t.rest, "^") {
		t.copy(1)
	}
	for t.rest != "" && t.rest[0] != ']' {
		if t.rest[0] == '\\' {
			if err := t.escape(blanks, noBlanks); err != nil {
				return err
			}
			continue
		}
		first, size := utf8.DecodeRuneInString(t.rest)
		last := first
		if after := t.rest[size:]; len(after) > 1 && after[0] == '-' && after[1] != ']' && after[1] != '\\' {
			end, more := utf8.DecodeRuneInString(after[1:])
			last, size = end, size+1+more
		}
		t.copy(size)
		if t.folds() {
			t.foldedRange(first, last, 'a', 'A')
			t.foldedRange(first, last, 'A', 'a')
		}
	}
	if t.rest == "" {
		return fmt.Errorf("a character class has no end")
	}
	t.copy(1)
	return nil
}

// foldedRange writes the letters of a range that lie in one case, in the other case.
func (t *translator) foldedRange(first, last, from, to rune) {
	first, last = max(first, from), min(last, from+25)
	if first <= last {
		fmt.Fprintf(&t.out, "%c-%c", first-from+to, last-from+to)
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func otherCase(letter byte) byte { return letter ^ 0x20 }
