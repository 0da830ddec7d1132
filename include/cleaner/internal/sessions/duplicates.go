// Package sessions turns rows of single events into a day's sessions: duplicates, the day of a session, endless sessions,
// products of an event, and numbers of events.
package sessions

import (
	"cmp"
	"encoding/binary"
	"slices"

	"leapline/cleaner/internal/row"
)

// MarkDuplicates marks repeated event ids: duplicate with the same fingerprint, else conflict.
//
// The earliest arrival is kept. Of two that arrived at the same instant the hash of the line decides, so that the result does not
// depend on the order of the rows. Rows that already have a reason stay unchanged.
func MarkDuplicates(rows []row.Row) {
	events := freshRows(rows, eventKey, func(a, b *row.Row) int {
		if order := cmp.Compare(a.EventID, b.EventID); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.Collector, b.Collector), cmp.Compare(a.Hash, b.Hash))
	})
	var first *row.Row
	for _, r := range events {
		if first == nil || r.EventID != first.EventID {
			first = r
			continue
		}
		reason := row.Conflict
		if r.Fingerprint == first.Fingerprint {
			reason = row.Duplicate
		}
		r.Reason = onTheDay(r, reason)
	}
}

// freshRows returns the rows without a reason, sorted.
func freshRows(rows []row.Row, key func(*row.Row) uint64, compare func(a, b *row.Row) int) []*row.Row {
	fresh := make([]*row.Row, 0, len(rows))
	for i := range rows {
		if rows[i].Reason == row.Event {
			fresh = append(fresh, &rows[i])
		}
	}
	sortRows(fresh, key, compare)
	return fresh
}

// sortRows sorts rows by a key, and those of equal keys by a comparison, which must not contradict the key. Most pairs differ in the
// key, so that sorting hardly ever looks at the rows, which are far apart in memory.
func sortRows(rows []*row.Row, key func(*row.Row) uint64, compare func(a, b *row.Row) int) {
	keyed := make([]keyedRow, len(rows))
	for i, r := range rows {
		keyed[i] = keyedRow{key(r), r}
	}
	slices.SortFunc(keyed, func(a, b keyedRow) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return compare(a.row, b.row)
	})
	for i := range keyed {
		rows[i] = keyed[i].row
	}
}

type keyedRow struct {
	key uint64
	row *row.Row
}

// eventKey returns the beginning of an event's id, as a number that is ordered like it.
func eventKey(r *row.Row) uint64 {
	var first [8]byte
	copy(first[:], r.EventID)
	return binary.BigEndian.Uint64(first[:])
}

// onTheDay returns a reason for events of the day itself; events in its margins are counted by another day's run.
func onTheDay(r *row.Row, reason row.Reason) row.Reason {
	if r.Part == row.Head || r.Part == row.Rest {
		return reason
	}
	return row.OtherDay
}
