package jsonscan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func checkFloat(t *testing.T, text string) {
	t.Helper()
	want, wantErr := strconv.ParseFloat(text, 64)
	got, err := New([]byte(text)).Float()
	if (err != nil) != (wantErr != nil) || (err == nil && math.Float64bits(got) != math.Float64bits(want)) {
		t.Fatalf("%s is parsed as %v, %v; strconv returns %v, %v", text, got, err, want, wantErr)
	}
}

func TestFloatEqualsStrconv(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "0.0", "-0.0", "1", "9007199254740993", "9007199254740992.5", "0.1", "0.30000000000000004",
		"9999999999999999999", "0.9999999999999999999", "1234567890123456.789", "5e-324", "1.7976931348623157e308", "1e400",
		"18446744073709551615", "18446744073709551616", "0.0000000000000000001", "9.007199254740993", "4503599627370496.5",
	} {
		checkFloat(t, text)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		x := r.NormFloat64() * math.Pow(10, float64(r.IntN(20)-10))
		checkFloat(t, strconv.FormatFloat(x, 'f', -1, 64))
		checkFloat(t, strconv.FormatFloat(x, 'g', -1, 64))
		checkFloat(t, fmt.Sprintf("%d.%0*d", r.IntN(1000), 1+r.IntN(16), r.Uint64N(1e9)))
	}
	// halfway between two doubles, and slightly above
	for range 50_000 {
		m := 1<<53 + 2*r.Uint64N(1<<51) + 1
		text := strconv.FormatUint(m, 10)
		at := 1 + r.IntN(len(text)-1)
		text = text[:at] + "." + text[at:]
		checkFloat(t, text)
		checkFloat(t, text+"1")
	}
}
