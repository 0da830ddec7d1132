package java

import (
	"math"
	"testing"
)

// What Spark 4.1 returns for the same texts: try_cast of the text with an appended Z to timestamp, in microseconds.
var times = []struct {
	text   string
	micros int64
	ok     bool
}{
	{"2026-03-02 10:02:24.123", 1772445744123000, true},
	{"2026-03-02 10:02:24.123456789", 1772445744123456, true},
	{"2026-03-02T10:02:24", 1772445744000000, true},
	{"2026-3-2 1:2:3", 1772413323000000, true},
	{"  2026-03-02 10:02:24 ", 1772445744000000, true},
	{"2026-03-02 10:02", 0, false},
	{"2026-03-02", 0, false},
	{"2026-02-29 10:00:00", 0, false},
	{"2024-02-29 23:59:59.9", 1709251199900000, true},
	{"2026-13-01 00:00:00", 0, false},
	{"2026-03-02 24:00:00", 0, false},
	{"2026-03-02 10:60:00", 0, false},
	{"12026-03-02 10:00:00", 317341965600000000, true},
	{"-2026-03-02 10:00:00", -126096357600000000, true},
	{"+2026-03-02 10:00:00", 1772445600000000, true},
	{"1970-01-01 00:00:00", 0, true},
	{"1969-12-31 23:59:59.999999", -1, true},
	{"2026-03-02 10:02:24.", 1772445744000000, true},
	{"2026-03-02 10:02:24 UTC", 0, false},
	{"2026-03-02 10:02:24+01:00", 0, false},
	{"", 0, false},
	{"2026-03-02  10:02:24", 0, false},
	{"2026-03-02 10:02:24.12a", 0, false},
	{"0000-01-01 00:00:00", -62167219200000000, true},
	{"999-01-01 00:00:00", 0, false},
	{"2026-03-02 10:02:5", 1772445725000000, true},
	{"2026-03-02\t10:02:24", 0, false},
	{"\u00a02026-03-02 10:02:24", 0, false},
	{"2026-03-02 10:02:24\u0000", 1772445744000000, true},
	// Spark adds today's date.
	{"T10:00:00", 0, false},
}

func TestTimesAreThoseOfSpark(t *testing.T) {
	for _, c := range times {
		if micros, ok := Timestamp(c.text); micros != c.micros || ok != c.ok {
			t.Errorf("%q: found %d, %t, expected %d, %t", c.text, micros, ok, c.micros, c.ok)
		}
	}
}

// What Spark 4.1's try_cast to double returns.
var doubles = []struct {
	text string
	x    float64
	ok   bool
}{
	{"1", 1, true}, {"1.5", 1.5, true}, {"-1.5", -1.5, true}, {"+2", 2, true}, {"1e3", 1000, true}, {"1E-3", 0.001, true},
	{".5", 0.5, true}, {"5.", 5, true}, {"1d", 1, true}, {"1.5f", 1.5, true}, {"1F", 1, true}, {"0x1p3", 8, true},
	{"0x1.8p1", 3, true}, {"Infinity", math.Inf(1), true}, {"-Infinity", math.Inf(-1), true}, {"inf", math.Inf(1), true},
	{"+INF", math.Inf(1), true}, {"nan", math.NaN(), true}, {"-NaN", math.NaN(), true}, {" 7 ", 7, true}, {"\t7\n", 7, true},
	{"1,5", 0, false}, {"1_000", 0, false}, {"", 0, false}, {"-", 0, false}, {"1e", 0, false}, {"1e400", math.Inf(1), true},
	{"-1e400", math.Inf(-1), true}, {"0.1", 0.1, true}, {"123456789012345678", 1.2345678901234568e+17, true},
	{"4.9E-324", 5e-324, true}, {"1e-400", 0, true}, {"d", 0, false}, {"f", 0, false}, {"1ee3", 0, false}, {"0x10", 0, false},
	{"1.2.3", 0, false}, {"\u0663", 0, false}, {"9007199254740993", 9007199254740992, true},
	{"0.30000000000000004", 0.30000000000000004, true},
}

func TestDoublesAreThoseOfSpark(t *testing.T) {
	for _, c := range doubles {
		x, ok := Double(c.text)
		if ok != c.ok || (ok && x != c.x && !(math.IsNaN(x) && math.IsNaN(c.x))) {
			t.Errorf("%q: found %v, %t, expected %v, %t", c.text, x, ok, c.x, c.ok)
		}
	}
}

func TestIntsAreThoseOfSpark(t *testing.T) {
	for text, expected := range map[string]int32{
		"1": 1, "-1": -1, "+1": 1, " 7 ": 7, "\u001f7": 7, "2147483647": math.MaxInt32, "-2147483648": math.MinInt32, "007": 7,
		"\u007f5": 5,
	} {
		if n, ok := Int(text); n != expected || !ok {
			t.Errorf("%q: found %d, %t", text, n, ok)
		}
	}
	for _, text := range []string{"2147483648", "-2147483649", "1.0", "1.", "", "+", "-", "0x1", "1 2", "\uff11"} {
		if n, ok := Int(text); ok {
			t.Errorf("%q: found %d", text, n)
		}
	}
}

func TestNumbersAreWrittenAsByJava(t *testing.T) {
	for text, x := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "1.0": 1, "12.5": 12.5, "1.0E7": 1e7, "9999999.0": 9999999, "0.001": 0.001,
		"9.9E-4": 0.00099, "1.5E-5": 1.5e-5, "1.23456789125E8": 123456789.125, "1.0E22": 1e22, "1.0E300": 1e300,
	} {
		if written := string(AppendDouble(nil, x)); written != text {
			t.Errorf("%v: found %s, expected %s", x, written, text)
		}
	}
}

func TestPatternsMeanWhatTheyMeanInJava(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		matches       bool
	}{
		{`^/p$`, "/p", true}, {`^/p$`, "/p\n", true}, {`^/p$`, "/p\r\n", true}, {`^/p$`, "/p\n\n", false}, {`a.c`, "a\u2028c", false},
		{`[$.]`, "$", true}, {`\$`, "$", true}, {`(?i)/KASSE\b`, "/kasse/", true}, {`\d`, "\u0663", false}, {`(?<!x)y`, "xy", false},
		{`(?<!x)y`, "zy", true}, {`\w`, "é", false},
		{`(?i)straße`, "STRAßE", true}, {`(?i)kueche`, "\u212aUECHE", false}, {`(?i)küche`, "KÜCHE", false}, {`(?i)^[^b-d]$`, "C", false},
		{`(?i)^[X-c]$`, "A", true}, {`(?i)^[X-c]$`, "x", true}, {`(?i)^[X-c]$`, "w", false}, {`^a(?i:b)c$`, "aBc", true}, {`^a(?i:b)c$`, "aBC", false},
		{`^\s$`, "\v", true}, {`^[\s]$`, "\v", true}, {`^\S$`, "\v", false}, {`^[\S]$`, "\v", false}, {`^[\S]$`, "\U0001F600", true}, {`^[^\s]$`, "\u00a0", true},
		{`^[\]$.]+$`, "].$", true}, {`^.$`, "\U0001F600", true}, {`(?i)^[\w-]+(?=\.html)`, "Ab-9.html", true},
	} {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, answer := range []bool{p.Matches(c.text), p.Matches(c.text)} { // computed, then remembered
			if answer != c.matches {
				t.Errorf("%q in %q: expected %t", c.pattern, c.text, c.matches)
			}
		}
	}
	if _, err := Compile(`(`); err == nil {
		t.Error("accepts an invalid pattern")
	}
}
