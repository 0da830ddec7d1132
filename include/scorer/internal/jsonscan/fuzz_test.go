package jsonscan

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzScanner compares the scanner with encoding/json: both accept the same texts, except for invalid UTF-8, deep nesting
// and numbers outside a double's range, and read the same values.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, ` [1, -0.5e+3, "a\u00e9\n\ud83d\ude00", true, false, null] `, `{"a":{"b":[[],{}]}}`, `"\ud800"`,
		`01`, `1.`, `.5`, `-`, `1e`, `[1,]`, `{"a":1,}`, `{"a" 1}`, "\"\x01\"", `"\x"`, "\"\xff\"", `nul`, `[1 2]`, `"abcdefgh\"ijklmno"`,
		`12345678901234567890`, `0.1234567890123456789`, `9007199254740993`, strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := New(text)
		err := s.Skip()
		if err == nil {
			err = s.End()
		}
		valid := json.Valid(text) && utf8.Valid(text)
		if (err == nil) != valid && !errors.Is(err, errDepth) {
			t.Fatalf("%q: %v, valid according to encoding/json: %t", text, err, valid)
		}
		if err == nil {
			compare(t, text)
		}
	})
}

func compare(t *testing.T, text []byte) {
	s := New(text)
	switch s.Peek() {
	case '"':
		var want string
		got, err := s.String()
		if json.Unmarshal(text, &want) != nil || err != nil || string(got) != want {
			t.Fatalf("%q is read as %q, %v; encoding/json returns %q", text, got, err, want)
		}
		again, err := New(AppendString(nil, want)).String()
		if err != nil || string(again) != want {
			t.Fatalf("%q is written as %q", want, AppendString(nil, want))
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		var want float64
		got, err := s.Float()
		if failed := json.Unmarshal(text, &want); (failed == nil) != (err == nil) || (err == nil && got != want) {
			t.Fatalf("%q is read as %v, %v; encoding/json returns %v, %v", text, got, err, want, failed)
		}
		if err == nil {
			if again, err := New(AppendFloat(nil, got)).Float(); err != nil || again != got {
				t.Fatalf("%v is written as %s", got, AppendFloat(nil, got))
			}
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for text, x := range map[string]float64{
		"0.0": 0, "1.0": 1, "-2.5": -2.5, "0.001": 0.001, "1e-06": 1e-6, "100000000000000000.0": 1e17, "1e+22": 1e22, "123456.0": 123456,
	} {
		if got := string(AppendFloat(nil, x)); got != text && !json.Valid([]byte(got)) {
			t.Errorf("%v is written as %s", x, got)
		}
	}
}
