package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// parseNumber parses a string like Java's Double.parseDouble, except for hexadecimal numbers and type suffixes.
func parseNumber(text string) (float64, error) {
	trimmed := strings.TrimSpace(text)
	if x, err := strconv.ParseFloat(trimmed, 64); (err == nil || math.IsInf(x, 0)) && !strings.ContainsAny(trimmed, "_xXiIpP") {
		return x, nil
	}
	switch strings.TrimLeft(trimmed, "+-") {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1 - 2*strings.Count(trimmed, "-")), nil
	}
	return 0, fmt.Errorf("found the string %.40q, expected a number", text)
}

// FormatDouble formats a double (64 bits) or float (32 bits) like Java's toString: 5.0, 1.0E10, NaN. The string is valid until the next Reset.
func (r *Row) FormatDouble(x float64, bits int) string {
	start := len(r.textBuffer)
	abs := math.Abs(x)
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	case x == 0 || (abs >= 1e-3 && abs < 1e7):
		r.textBuffer = strconv.AppendFloat(r.textBuffer, x, 'f', -1, bits)
		if !strings.Contains(r.textFrom(start), ".") {
			r.textBuffer = append(r.textBuffer, '.', '0')
		}
	default:
		r.textBuffer = javaExponent(strconv.AppendFloat(r.textBuffer, x, 'E', -1, bits), start)
	}
	return r.textFrom(start)
}

// javaExponent rewrites 1E+10 and 1.5E-07 after start to 1.0E10 and 1.5E-7.
func javaExponent(b []byte, start int) []byte {
	text := string(b[start:])
	digits, exponent, _ := strings.Cut(text, "E")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	b = append(b[:start], digits...)
	return strconv.AppendInt(append(b, 'E'), int64(n), 10)
}

// FormatLong formats an integer. The string is valid until the next Reset.
func (r *Row) FormatLong(n int64) string {
	start := len(r.textBuffer)
	r.textBuffer = strconv.AppendInt(r.textBuffer, n, 10)
	return r.textFrom(start)
}

// Lower returns a string in lower case like Java's String.toLowerCase with the root locale. It is valid until the next Reset.
func (r *Row) Lower(text string) string {
	if isLower(text) {
		return text
	}
	start := len(r.textBuffer)
	r.textBuffer = appendLower(r.textBuffer, text)
	return r.textFrom(start)
}

// Lower returns a string in lower case like Row.Lower, as a new string.
func Lower(text string) string { return string(appendLower(nil, text)) }

func appendLower(dst []byte, text string) []byte {
	for i, c := range text {
		switch {
		case c == 'İ':
			dst = append(dst, "i\u0307"...)
		case c == 'Σ' && isFinalSigma(text, i):
			dst = append(dst, "ς"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(c))
		}
	}
	return dst
}

func isLower(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// isFinalSigma reports whether the sigma at i is preceded by a letter and not followed by one, ignoring characters that
// do not affect case (Unicode, section 3.13, Final_Sigma).
func isFinalSigma(text string, i int) bool {
	before, after := text[:i], text[i+len("Σ"):]
	for len(before) > 0 {
		c, size := utf8.DecodeLastRuneInString(before)
		before = before[:len(before)-size]
		if caseIgnorable(c) {
			continue
		}
		if !cased(c) {
			return false
		}
		for _, c := range after {
			if !caseIgnorable(c) {
				return !cased(c)
			}
		}
		return true
	}
	return false
}

func cased(c rune) bool {
	return unicode.In(c, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase)
}

func caseIgnorable(c rune) bool {
	return unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:·’‧︓﹕", c)
}

// Join returns strings with separators between them. It is valid until the next Reset.
func (r *Row) Join(list []string, separator string) string {
	start := len(r.textBuffer)
	for i, text := range list {
		if i > 0 {
			r.textBuffer = append(r.textBuffer, separator...)
		}
		r.textBuffer = append(r.textBuffer, text...)
	}
	return r.textFrom(start)
}

// Concat returns the concatenation of two strings. It is valid until the next Reset.
func (r *Row) Concat(a, b string) string {
	start := len(r.textBuffer)
	r.textBuffer = append(append(r.textBuffer, a...), b...)
	return r.textFrom(start)
}

// textFrom returns the text after start without copying it. It stays valid even if a later append reallocates the buffer.
func (r *Row) textFrom(start int) string {
	b := r.textBuffer[start:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}
