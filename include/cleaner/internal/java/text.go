// Package java has the rules of Spark and Java by which texts become values. Clean events keep the meaning that they had when
// Spark's own expressions made them.
package java

import (
	"strings"
	"unicode/utf8"
)

// Trim removes spaces, as SQL's trim does; other white space stays.
func Trim(s string) string { return strings.Trim(s, " ") }

// Prefix returns the first n characters of a text.
func Prefix(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// BeforeLineEnd returns a text without one line terminator at its end: Java's $ matches before it.
func BeforeLineEnd(s string) string {
	r, size := utf8.DecodeLastRuneInString(s)
	switch r {
	case '\n', '\r', '\u0085', '\u2028', '\u2029':
		s = s[:len(s)-size]
	}
	return s
}

// Upper converts a text to upper case. Some letters become two, and ASCII.
func Upper(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.ToUpper(ligatures.Replace(s))
		}
	}
	return strings.ToUpper(s)
}

var ligatures = strings.NewReplacer("ß", "SS", "ﬀ", "FF", "ﬁ", "FI", "ﬂ", "FL", "ﬃ", "FFI", "ﬄ", "FFL", "ﬅ", "ST", "ﬆ", "ST")

// isBlank reports whether Spark ignores a byte at the ends of a number or time: white space and control characters.
func isBlank(c byte) bool { return c <= ' ' || c == 0x7f }

func trimBlanks(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}
