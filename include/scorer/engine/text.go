package engine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

// doubleText formats a double or float like Java's toString: 5.0, 1.0E10, NaN. The string is valid until the next Reset.
func (r *Row) doubleText(x float64, bits int) string {
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

func (r *Row) longText(n int64) string {
	start := len(r.textBuffer)
	r.textBuffer = strconv.AppendInt(r.textBuffer, n, 10)
	return r.textFrom(start)
}

// textFrom returns the text after start without copying it. It stays valid even if a later append reallocates the buffer.
func (r *Row) textFrom(start int) string {
	b := r.textBuffer[start:]
	return unsafe.String(unsafe.SliceData(b), len(b))
}
