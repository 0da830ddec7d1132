package server

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestParseTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-14T09:26:53.589Z":     "2026-03-14T09:26:53.589Z",
		"2026-03-14T09:26:53.589793Z":  "2026-03-14T09:26:53.589793Z",
		"2026-03-14 09:26:53":          "2026-03-14T09:26:53Z",
		"2026-03-14t09:26:53.1234569z": "2026-03-14T09:26:53.123456Z",
		"2026-03-14T09:26:53+01:00":    "2026-03-14T08:26:53Z",
		"2026-03-14T00:26:53.5-0230":   "2026-03-14T02:56:53.5Z",
		"2026-03-14T09:26:53+00":       "2026-03-14T09:26:53Z",
		"2024-02-29T23:59:59Z":         "2024-02-29T23:59:59Z",
		"1900-02-28T00:00:00Z":         "1900-02-28T00:00:00Z",
		"1969-12-31T23:59:59.999999Z":  "1969-12-31T23:59:59.999999Z",
		"0001-01-01T00:00:00Z":         "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":  "9999-12-31T23:59:59.999999Z",
		"2026-02-29T00:00:00Z":         "",
		"1900-02-29T00:00:00Z":         "",
		"2026-04-31T00:00:00Z":         "",
		"2026-13-01T00:00:00Z":         "",
		"2026-00-01T00:00:00Z":         "",
		"2026-03-14T24:00:00Z":         "",
		"2026-03-14T09:60:00Z":         "",
		"2026-03-14T09:26:60Z":         "",
		"2026-03-14T09:26Z":            "",
		"2026-03-14":                   "",
		"2026-03-14T09:26:53.Z":        "",
		"2026-03-14T09:26:53+1:00":     "",
		"2026-03-14T09:26:53+24:00":    "",
		"2026-03-14T09:26:53+01:60":    "",
		"2026-03-14T09:26:53,5Z":       "",
		"2026-03-14T9:26:53Z":          "",
		"0000-12-31T23:59:59-01:00":    "",
		"9999-12-31T23:59:59-00:01":    "",
		"2026-03-14T09:26:53 UTC":      "",
		"2026/03/14T09:26:53Z":         "",
		"0000-01-01T00:00:00Z":         "",
		"0001-01-01T00:00:00+01:00":    "",
		"":                             "",
	} {
		micros, ok := parseTimestamp([]byte(text))
		if got := time.UnixMicro(micros).UTC().Format(time.RFC3339Nano); ok != (want != "") || (ok && got != want) {
			t.Errorf("%q is read as %s, %t", text, got, ok)
		}
	}
}

var timestampForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d(:?\d\d)?)?$`)

// FuzzParseTimestamp checks that accepted timestamps have the documented form and are read to the microsecond.
func FuzzParseTimestamp(f *testing.F) {
	for _, text := range []string{
		"2026-03-14T09:26:53.589Z", "2026-03-14t09:26:53.1234569+0130", "2026-03-14 09:26:53-01", "9999-12-31T23:59:59.9999999z",
		"2026-03-14T09:26:53,5Z", "2026-03-14T9:26:53Z", "2026-03-14T09:26:53+24:00", "0000-12-31T23:59:59-01:00",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		micros, ok := parseTimestamp(text)
		if !ok {
			return
		}
		if !timestampForm.Match(text) {
			t.Fatalf("accepted %q", text)
		}
		fraction := ""
		if rest := string(text[len(time.DateTime):]); rest != "" && rest[0] == '.' {
			fraction = rest[1 : len(rest)-len(strings.TrimLeft(rest[1:], "0123456789"))]
		}
		fraction = (fraction + "000000")[:6]
		if got := time.UnixMicro(micros).UTC().Format(".000000"); got != "."+fraction {
			t.Fatalf("%q has the microseconds %s", text, got)
		}
	})
}

// BenchmarkParseTimestamp parses the timestamps of 50 events in each of the accepted forms.
func BenchmarkParseTimestamp(b *testing.B) {
	for _, suffix := range []string{"Z", "", "+01:00", "+0100"} {
		var texts [][]byte
		for i := range 50 {
			texts = append(texts, fmt.Appendf(nil, "2026-03-14T09:%02d:%02d.%03d%s", i/2, i, i*17, suffix))
		}
		b.Run("zone="+suffix, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					parseTimestamp(text)
				}
			}
		})
	}
}
