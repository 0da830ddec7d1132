package jsonscan

import (
	"math"
	"math/bits"
)

// tens are the powers of ten that fit a uint64.
var tens = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// shortFloat parses the number at the start of b if it has at most 19 digits and no exponent, as almost all numbers do. The
// result is bit for bit strconv's. The size is 0 for every other number and for invalid ones, which are left to strconv.
// docs/decisions/0022-float-parsing.md has the measurements.
func shortFloat(b []byte) (x float64, size int) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	first := i
	m := uint64(0)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		m = m*10 + uint64(b[i]-'0')
	}
	digits, decimals := i-first, 0
	if digits == 0 || (digits > 1 && b[first] == '0') {
		return 0, 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			m = m*10 + uint64(b[i]-'0')
		}
		if decimals = i - point; decimals == 0 {
			return 0, 0
		}
	}
	if digits+decimals > 19 || (i < len(b) && b[i]|0x20 == 'e') {
		return 0, 0
	}
	x = divideByPowerOfTen(m, decimals)
	if first == 1 {
		x = -x
	}
	return x, i
}

// divideByPowerOfTen returns m / 10^k for k up to 19, rounded once: the quotient of a 128-bit division has ten bits more than a
// double's mantissa, and its lowest bit is set if there is a remainder (a sticky bit).
func divideByPowerOfTen(m uint64, k int) float64 {
	if k == 0 || m == 0 {
		return float64(m)
	}
	if m < 1<<53 && k <= 15 {
		return float64(m) / float64(tens[k])
	}
	up, down := bits.LeadingZeros64(m), bits.LeadingZeros64(tens[k])
	m <<= up
	q, remainder := bits.Div64(m>>1, m<<63, tens[k]<<down)
	if remainder != 0 {
		q |= 1
	}
	return float64(q) * math.Float64frombits(uint64(1023-63-up+down)<<52)
}
