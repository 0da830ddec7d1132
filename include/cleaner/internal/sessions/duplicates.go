// Package sessions turns rows of single events into a day's sessions: duplicates, the day of a session, endless sessions,
// products of an event, and numbers of events.
package sessions

import (
	"cmp"
	"slices"

	"leapline/cleaner/internal/row"
)

// MarkDuplicates marks repeated event ids: duplicate with the same fingerprint, else conflict.
//
// The earliest arrival is kept. Of two that arrived at the same instant the hash of the line decides, so that the result does not
// depend on the order of the rows. Rows that already have a reason stay unchanged.
func MarkDuplicates(rows []row.Row) {
	events := freshRows(rows, func(a, b *row.Row) int {
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
func freshRows(rows []row.Row, compare func(a, b *row.Row) int) []*row.Row {
	var fresh []*row.Row
	for i := range rows {
		if rows[i].Reason == row.Event {
			fresh = append(fresh, &rows[i])
		}
	}
	slices.SortFunc(fresh, compare)
	return fresh
}

// onTheDay returns a reason for events of the day itself; events in its margins are counted by another day's run.
func onTheDay(r *row.Row, reason row.Reason) row.Reason {
	if r.Part == row.Head || r.Part == row.Rest {
		return reason
	}
	return row.OtherDay
}
