// Package line splits a line of the enriched format into its fields and says why a line cannot be read.
package line

import (
	"bytes"
	"unicode/utf8"

	"leapline/cleaner/internal/java"
)

const (
	// Width is the usual number of columns.
	Width = 131
	// MaxBytes is longer than anything that a tracker sends.
	MaxBytes = 1 << 20

	collector, eventID, contexts, unstruct, derived = 3, 6, 52, 58, 124
)

// Time is an instant in microseconds since 1970, or none.
type Time struct {
	Micros int64
	OK     bool
}

// Line is one line. Its fields are valid until the next Read.
type Line struct {
	Text          []byte
	Collector, At Time // arrival, and the event's time
	Untimed       bool // one of the two cannot be read
	Damage        string
	Fields        int      // columns of the line; 0 if it is too long to count
	columns       [][]byte // of an event of typed columns, by place; nil for a line
	places        []int    // of those columns that are read
	ends          []int
	min, max      int
}

// New returns a line that accepts min to max columns.
func New(min, max int) *Line { return &Line{min: min, max: max} }

// Read reads the times from the line's ends, without splitting all of it: in the files of the following days nearly every line
// belongs to another day.
func (l *Line) Read(text []byte) {
	l.Text = text
	l.Collector.Micros, l.Collector.OK = timestamp(fieldFromStart(text, collector))
	derivedText := l.derived()
	at, ok := timestamp(derivedText)
	l.Untimed = !l.Collector.OK || (!ok && !IsNull(derivedText))
	l.At = Time{at, ok}
	if !ok {
		l.At = l.Collector
	}
}

func timestamp(text []byte) (int64, bool) {
	if len(text) > 64 {
		return 0, false
	}
	return java.Timestamp(string(text))
}

// derived returns the text of the event's time, counted from the end of a line where its columns always end alike.
func (l *Line) derived() []byte {
	if l.min != Width || l.max != Width {
		if bytes.Count(l.Text, tab) < derived {
			return nil
		}
		return fieldFromStart(l.Text, derived)
	}
	end := len(l.Text)
	for range Width - derived - 1 {
		at := bytes.LastIndexByte(l.Text[:end], '\t')
		if at < 0 {
			first, _, _ := bytes.Cut(l.Text, tab)
			return first
		}
		end = at
	}
	return l.Text[bytes.LastIndexByte(l.Text[:end], '\t')+1 : end]
}

var tab = []byte{'\t'}

// fieldFromStart returns field n, or the last field of a shorter line.
func fieldFromStart(text []byte, n int) []byte {
	for ; n > 0; n-- {
		at := bytes.IndexByte(text, '\t')
		if at < 0 {
			return text
		}
		text = text[at+1:]
	}
	first, _, _ := bytes.Cut(text, tab)
	return first
}

// ReadColumns reads an event whose columns a source has split: values are those of the columns at places.
func (l *Line) ReadColumns(places []int, values [][]byte, collector, derived Time) {
	if l.columns == nil {
		l.columns, l.places = make([][]byte, Width), places
	}
	for i, place := range places {
		l.columns[place] = values[i]
	}
	l.Collector, l.At, l.Untimed = collector, derived, !collector.OK
	if !derived.OK {
		l.At = collector
	}
}

// IsTyped reports whether the event has typed columns.
func (l *Line) IsTyped() bool { return l.columns != nil }

// typedDamage says why an event of typed columns cannot be read; most checks are those of the source's loader.
func (l *Line) typedDamage() string {
	for _, place := range l.places {
		if place != contexts && place != unstruct && bytes.IndexByte(l.columns[place], 0) >= 0 {
			return "nul_byte"
		}
	}
	return l.valueDamage()
}

// Split finds the line's fields and its damage.
func (l *Line) Split() {
	if l.columns != nil {
		l.Fields, l.Damage = Width, l.typedDamage()
		return
	}
	l.Fields, l.ends = 0, l.ends[:0]
	if len(l.Text) > MaxBytes {
		l.Damage = "too_long"
		return
	}
	for at := 0; ; {
		next := bytes.IndexByte(l.Text[at:], '\t')
		if next < 0 {
			break
		}
		at += next
		l.ends = append(l.ends, at)
		at++
	}
	l.ends = append(l.ends, len(l.Text))
	l.Fields = len(l.ends)
	l.Damage = l.damage()
}

func (l *Line) damage() string {
	switch {
	case !utf8.Valid(l.Text):
		return "not_utf8"
	case bytes.IndexByte(l.Text, 0) >= 0:
		return "nul_byte"
	case l.Fields < l.min || l.Fields > l.max:
		return "width"
	}
	return l.valueDamage()
}

func (l *Line) valueDamage() string {
	switch {
	case !IsEventID(l.Field(eventID)):
		return "event_id"
	case l.Untimed:
		return "timestamp"
	}
	return ""
}

// Field returns field n; nil where the line has none, and for the texts that exports and trackers write for a missing value.
func (l *Line) Field(n int) []byte {
	if l.columns != nil {
		if IsNull(l.columns[n]) {
			return nil
		}
		return l.columns[n]
	}
	if n >= len(l.ends) {
		return nil
	}
	start := 0
	if n > 0 {
		start = l.ends[n-1] + 1
	}
	field := l.Text[start:l.ends[n]]
	if IsNull(field) {
		return nil
	}
	return field
}

// IsNull reports whether a text stands for a missing value.
func IsNull(text []byte) bool {
	switch string(text) {
	case "", "\\N", "null", "NULL", "undefined":
		return true
	}
	return false
}

// IsEventID reports whether a text can be an event's id.
func IsEventID(text []byte) bool {
	id := java.BeforeLineEnd(string(text))
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if c-'0' > 9 && (c|0x20)-'a' > 25 && c != '-' {
			return false
		}
	}
	return true
}
