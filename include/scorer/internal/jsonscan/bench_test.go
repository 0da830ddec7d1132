package jsonscan

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// BenchmarkFloat parses numbers as they occur in requests and models: prices with two decimals, shortest representations
// of doubles with up to 17 digits, and numbers with an exponent.
func BenchmarkFloat(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	inputs := map[string]func() string{
		"prices":    func() string { return strconv.FormatFloat(float64(r.IntN(100_000))/100, 'f', 2, 64) },
		"doubles":   func() string { return strconv.FormatFloat(r.Float64(), 'f', -1, 64) },
		"exponents": func() string { return strconv.FormatFloat(r.Float64()*1e-9, 'e', -1, 64) },
	}
	for name, draw := range inputs {
		texts := make([][]byte, 1000)
		for i := range texts {
			texts[i] = []byte(draw())
		}
		b.Run(name+"/jsonscan", func(b *testing.B) {
			s := New(nil)
			for i := 0; b.Loop(); i++ {
				s.Reset(texts[i%len(texts)])
				if _, err := s.Float(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/strconv", func(b *testing.B) {
			s := New(nil)
			for i := 0; b.Loop(); i++ {
				s.Reset(texts[i%len(texts)])
				text, err := s.Number()
				if err == nil {
					_, err = ParseFloat(text)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
