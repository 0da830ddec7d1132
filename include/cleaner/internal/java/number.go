package java

import (
	"math"
	"strconv"
	"strings"
)

// Double converts a text as Spark's try_cast to double does: Java's Double.parseDouble, and names of infinity in any case.
func Double(s string) (float64, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if x, size := shortDecimal(s); size == len(s) && size > 0 {
		return x, true
	}
	text := s
	if n := len(text); n > 1 && strings.IndexByte("fFdD", text[n-1]) >= 0 && !strings.ContainsAny(text, "nN") && (text[n-2] == '.' || isDigit(text[n-2]) || isHex(text)) {
		text = text[:n-1]
	}
	if isHex(text) || isDecimal(text) {
		x, err := strconv.ParseFloat(text, 64)
		return x, err == nil || math.IsInf(x, 0)
	}
	switch strings.ToLower(s) {
	case "inf", "+inf", "infinity", "+infinity":
		return math.Inf(1), true
	case "-inf", "-infinity":
		return math.Inf(-1), true
	case "nan":
		return math.NaN(), true
	}
	return math.NaN(), s == "+NaN" || s == "-NaN"
}

// shortDecimal parses digits with at most one point, up to 15 digits, whose quotient is exact; size is 0 for other texts.
func shortDecimal(s string) (x float64, size int) {
	mantissa, digits, decimals, point := uint64(0), 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			mantissa = mantissa*10 + uint64(c-'0')
			digits++
			if point {
				decimals++
			}
		case c == '.' && !point:
			point = true
		default:
			return 0, 0
		}
	}
	if digits == 0 || digits > 15 {
		return 0, 0
	}
	return float64(mantissa) / tens[decimals], len(s)
}

var tens = [16]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isHex(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && strings.ContainsAny(s, "pP") && !strings.Contains(s, "_")
}

// isDecimal reports whether a text is a decimal number of Java, without a suffix.
func isDecimal(s string) bool {
	i, digits := 0, 0
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		i++
	}
	for point := false; i < len(s); i++ {
		if s[i] == '.' && !point {
			point = true
		} else if isDigit(s[i]) {
			digits++
		} else {
			break
		}
	}
	if digits == 0 {
		return false
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		first := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == first {
			return false
		}
	}
	return i == len(s)
}

// Int converts a text as Spark's try_cast to int does: an optional sign and digits, within 32 bits.
func Int(s string) (int32, bool) {
	s = trimBlanks(s)
	digits := s
	if len(digits) > 0 && (digits[0] == '+' || digits[0] == '-') {
		digits = digits[1:]
	}
	for i := 0; i < len(digits); i++ {
		if !isDigit(digits[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int32(n), err == nil
}

// DoubleToInt converts a number as Spark's try_cast from double to int does: towards zero, within 32 bits.
func DoubleToInt(x float64) (int32, bool) {
	if math.Floor(x) <= math.MaxInt32 && math.Ceil(x) >= math.MinInt32 {
		return int32(x), true
	}
	return 0, false
}

// AppendDouble appends a number as Java's Double.toString writes it.
func AppendDouble(b []byte, x float64) []byte {
	size := math.Abs(x)
	switch {
	case math.IsNaN(x):
		return append(b, "NaN"...)
	case math.IsInf(x, 0):
		if x < 0 {
			b = append(b, '-')
		}
		return append(b, "Infinity"...)
	case size == 0 || (size >= 1e-3 && size < 1e7):
		start := len(b)
		b = strconv.AppendFloat(b, x, 'f', -1, 64)
		if strings.IndexByte(string(b[start:]), '.') < 0 {
			b = append(b, ".0"...)
		}
		return b
	}
	text := strconv.FormatFloat(x, 'E', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	number, _ := strconv.Atoi(exponent)
	b = append(append(b, mantissa...), 'E')
	return strconv.AppendInt(b, int64(number), 10)
}
