package sessions

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"leapline/cleaner/internal/row"
)

// Limits are those of a session.
type Limits struct {
	Events int32 // that are kept
	Micros int64 // maximum duration
}

// Mark marks events in sessions of other days, and events that exceed a session's limits.
//
// A session belongs to the day of its first event. Its tail is followed to the end of the look-ahead; events after that, or more
// than the maximum duration after the session's start, or after its first events, are endless. The day's window also contains the
// end of sessions that began on the day before: their tail beyond that day's look-ahead is endless here, because no other run would
// count it.
func Mark(rows []row.Row, limits Limits) {
	events := freshRows(rows, sessionKey, func(a, b *row.Row) int {
		if order := bySessionAndTime(a, b); order != 0 {
			return order
		}
		return cmp.Compare(a.EventID, b.EventID)
	})
	var first *row.Row
	nth := int32(0)
	for _, r := range events {
		if first == nil || r.Session != first.Session {
			first, nth = r, 0
		}
		nth++
		switch {
		case first.Part == row.Before && r.Part == row.Rest:
			r.Reason = row.Endless
		case first.Part == row.Before || first.Part == row.After:
			r.Reason = row.OtherDay
		case nth > limits.Events || r.Time >= first.Time+limits.Micros:
			r.Reason = row.Endless
		}
	}
}

// Expand appends one row for each further product of the events about several, `<event id>:<n>` from the second on.
func Expand(rows []row.Row) []row.Row {
	for i := range len(rows) {
		r := &rows[i]
		more := r.More
		r.More = nil
		if len(more) == 0 || !r.Reason.MayBeEvent() {
			continue
		}
		further := *r
		for n, product := range more {
			further.EventID, further.Nth, further.Product = r.EventID+":"+strconv.Itoa(n+1), int32(n+1), product
			rows = append(rows, further)
		}
	}
	return rows
}

// Sort sorts rows by session, time and event id; rows that are no events come first.
func Sort(rows []row.Row) []*row.Row {
	sorted := make([]*row.Row, len(rows))
	for i := range rows {
		sorted[i] = &rows[i]
	}
	key := func(r *row.Row) uint64 {
		if r.Reason != row.Event {
			return 0
		}
		return 1<<63 | sessionKey(r)>>1
	}
	sortRows(sorted, key, func(a, b *row.Row) int {
		if order := bySessionAndTime(a, b); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.EventID, b.EventID), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Nth, b.Nth))
	})
	return sorted
}

// sessionKey returns the beginning of a session's pseudonym, as a number that is ordered like it.
func sessionKey(r *row.Row) uint64 { return binary.BigEndian.Uint64(r.Session.Value[:]) }

// bySessionAndTime compares what differs for nearly all pairs. Its callers compare more only if it does not, because cmp.Or
// evaluates all of its arguments.
func bySessionAndTime(a, b *row.Row) int {
	if order := bytes.Compare(a.Session.Value[:], b.Session.Value[:]); order != 0 {
		return order
	}
	return cmp.Compare(a.Time, b.Time)
}

// TrackerID returns the tracker's event id, which all rows of one event share.
func TrackerID(r *row.Row) string {
	id, _, _ := strings.Cut(r.EventID, ":")
	return id
}

// Number returns the number of an event in its session as a text; as texts, numbers sort like the numbers.
func Number(n int) string {
	if n < len(usualNumbers) {
		return usualNumbers[n]
	}
	return padded(n)
}

var usualNumbers = func() (numbers [512]string) {
	for n := range numbers {
		numbers[n] = padded(n)
	}
	return numbers
}()

func padded(n int) string {
	digits := strconv.Itoa(n)
	if len(digits) >= idDigits {
		return digits[:idDigits]
	}
	return "0000000"[len(digits):] + digits
}

const idDigits = 7 // far more than a session may have events

// Place assigns orders without a session to sessions.
//
// Args: placed maps the key of a line to the pseudonym of the session; the key is the event's id, a space and the line's hash.
func Place(rows []row.Row, placed map[string][]byte) {
	for i := range rows {
		r := &rows[i]
		if r.Reason != row.WithoutSession {
			continue
		}
		if session, ok := placed[fmt.Sprintf("%s %016x", TrackerID(r), r.Hash)]; ok {
			r.Reason, r.Session = row.Event, row.ID{Value: [32]byte(session), OK: true}
		}
	}
}
