package server

import (
	"bytes"
	"time"
	"unsafe"
)

// The range of accepted timestamps: the years 1 to 9999.
var (
	firstTimestamp = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTimestamp  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

// minMilliseconds is the least timestamp in milliseconds, in 1973. Smaller numbers are most probably seconds, which would
// otherwise be read as a time in January 1970; earlier times have to be ISO 8601.
const minMilliseconds = 100_000_000_000

const expectedTimestamp = "an ISO 8601 time, such as 2026-03-14T09:26:53.589Z, or whole milliseconds since 1970 (UTC), not seconds"

// parseTimestamp parses a timestamp such as 2026-03-14T09:26:53.589793+01:00 and returns its microseconds since 1970
// (UTC). Date and time are separated by T or a blank, the seconds have any number of decimals, of which six count, and
// the zone is Z, an offset (+01:00, +0100 or +01) or absent, which means UTC.
//
// The standard library parses RFC 3339; the variants are rewritten to it first. Its laxness is excluded: a comma as
// decimal separator, an hour of one digit, offsets of 24 hours and more.
func parseTimestamp(text []byte) (micros int64, ok bool) {
	if len(text) < len(time.DateTime) || text[13] != ':' || bytes.IndexByte(text, ',') >= 0 {
		return 0, false
	}
	var buffer [64]byte
	if text[10] != 'T' || text[len(text)-1] != 'Z' {
		if text, ok = appendRFC3339(buffer[:0], text); !ok {
			return 0, false
		}
	}
	t, err := time.ParseInLocation(time.RFC3339, unsafe.String(&text[0], len(text)), time.UTC)
	if err != nil || t.Before(firstTimestamp) || t.After(lastTimestamp) || string(text[:4]) == "0000" {
		return 0, false
	}
	return t.UnixMicro(), true
}

// appendRFC3339 rewrites a variant of RFC 3339 to the form that package time parses.
func appendRFC3339(b, text []byte) ([]byte, bool) {
	if separator := text[10]; separator|0x20 != 't' && separator != ' ' {
		return nil, false
	}
	b = append(append(append(b, text[:10]...), 'T'), text[11:]...)
	if last := len(b) - 1; b[last]|0x20 == 'z' {
		b[last] = 'Z'
		return b, true
	}
	sign := bytes.LastIndexAny(b[len(time.DateTime):], "+-")
	if sign < 0 {
		return append(b, 'Z'), true
	}
	sign += len(time.DateTime)
	switch len(b) - sign {
	case len("+01"):
		b = append(b, ":00"...)
	case len("+0100"):
		b = append(b[:sign+3], ':', b[sign+3], b[sign+4])
	}
	offset := b[sign:]
	return b, len(offset) == len("+01:00") && string(offset[1:3]) < "24" && string(offset[4:6]) < "60"
}
