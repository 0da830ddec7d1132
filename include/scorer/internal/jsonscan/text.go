package jsonscan

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// String consumes a string and returns its unescaped bytes, which are valid until the next call that reads a string.
func (s *Scanner) String() ([]byte, error) {
	if s.Peek() != '"' {
		return nil, s.unexpected("a string")
	}
	buf, start := s.buf, s.pos+1
	ascii := true
	i := skipPlainASCII(buf, start)
	for ; i < len(buf); i++ {
		switch c := buf[i]; {
		case c == '"':
			s.pos = i + 1
			if !ascii && !utf8.Valid(buf[start:i]) {
				return nil, s.Errorf("string is not valid UTF-8")
			}
			return buf[start:i], nil
		case c == '\\':
			return s.unescapeString(start, i)
		case c < ' ':
			s.pos = i
			return nil, s.Errorf("control character in string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.pos = len(buf)
	return nil, s.Errorf("unterminated string")
}

// skipPlainASCII returns the offset of the first byte, from i on, that may not be plain ASCII: it skips eight bytes at a time
// without quotes, backslashes, control characters and bytes above 127.
func skipPlainASCII(buf []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(buf)-i >= 8 {
		w := binary.LittleEndian.Uint64(buf[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		hit := (w | (w - ones*' ') | ((quote - ones) &^ quote) | ((slash - ones) &^ slash)) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	return i
}

// unescapeString reads the rest of a string whose first backslash is at i.
func (s *Scanner) unescapeString(start, i int) ([]byte, error) {
	out := append(s.scratch[:0], s.buf[start:i]...)
	for i < len(s.buf) {
		c := s.buf[i]
		switch {
		case c == '"':
			s.pos, s.scratch = i+1, out
			if !utf8.Valid(out) {
				return nil, s.Errorf("string is not valid UTF-8")
			}
			return out, nil
		case c < ' ':
			s.pos = i
			return nil, s.Errorf("control character in string")
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		r, size := unescape(s.buf[i:])
		if size == 0 {
			s.pos = i
			return nil, s.Errorf("invalid escape sequence in string")
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	s.pos = len(s.buf)
	return nil, s.Errorf("unterminated string")
}

// unescape decodes the escape sequence at the start of b; size is 0 if it is invalid. An unpaired surrogate becomes U+FFFD.
func unescape(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unescapeHex(b)
	}
	return 0, 0
}

func unescapeHex(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(b) >= 12 {
		if low, ok := hex4(b[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 32)
	return rune(n), err == nil
}

// AppendFloat appends a float as JSON: the shortest digits that parse to the same value, always with a decimal point or an
// exponent; null for NaN and the infinities, which JSON cannot represent.
func AppendFloat(dst []byte, x float64) []byte {
	abs := math.Abs(x)
	if abs < 1e15 && x == math.Trunc(x) {
		dst = appendSmallWhole(dst, x)
		return append(dst, '.', '0')
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	if abs >= 1e-5 && abs < 1e17 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, x, 'f', -1, 64)
		for _, c := range dst[start:] {
			if c == '.' {
				return dst
			}
		}
		return append(dst, '.', '0')
	}
	return strconv.AppendFloat(dst, x, 'e', -1, 64)
}

func appendSmallWhole(dst []byte, x float64) []byte {
	if math.Signbit(x) {
		dst = append(dst, '-')
		x = -x
	}
	return strconv.AppendUint(dst, uint64(x), 10)
}

// AppendString appends a string as JSON, in quotes, with only the required escapes.
func AppendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}

// Text consumes a string. Without escapes the result refers to the scanned bytes, which must not change while it is in use.
func (s *Scanner) Text() (string, error) {
	b, err := s.String()
	if err != nil || len(b) == 0 {
		return "", err
	}
	if len(s.scratch) > 0 && &b[0] == &s.scratch[0] {
		return string(b), nil
	}
	return unsafe.String(&b[0], len(b)), nil
}
