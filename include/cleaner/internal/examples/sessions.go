// Package examples computes the examples of a model from clean events: the features of sessions, of prefixes of sessions and
// of session-item pairs. The scorer computes features with the same package.
package examples

import (
	"fmt"

	"leapline/cleaner/internal/frames"
	"leapline/cleaner/internal/line"
	"leapline/scorer/features"
)

// The columns of clean events in the order in which a task sends them.
const (
	sessionColumn = iota
	visitorColumn
	idColumn
	timeColumn
	kindColumn
	pageColumn
	itemColumn
	categoryColumn
	priceColumn
	quantityColumn
	deviceColumn
	referrerColumn
	indexColumn
)

const columnKinds = "ssslssssdissi"

// Visit is a session, and what is known of it besides its features.
type Visit struct {
	ID, Visitor string
	Session     *features.Session
	Buys        bool
	Bought      []string // items of purchases
}

// Reader reads the events of whole sessions, sorted by time and id.
type Reader struct {
	visit   Visit
	session features.Session
	seen    map[uint64]struct{} // hashes of the sessions that have ended
	f       func(*Visit) error
}

// NewReader returns a reader that calls f for each session; the visit is valid until f returns.
func NewReader(f func(*Visit) error) *Reader {
	r := &Reader{seen: map[uint64]struct{}{}, f: f}
	r.visit.Session = &r.session
	return r
}

// Add adds events.
func (r *Reader) Add(rows int, columns []*frames.Column) error {
	kinds := ""
	for _, column := range columns {
		kinds += string(column.Kind())
	}
	if kinds != columnKinds {
		return fmt.Errorf("found events with columns of kinds %s, expected %s", kinds, columnKinds)
	}
	for i := range rows {
		if id := columns[sessionColumn].TextAt(i); id != r.visit.ID || len(r.session.Events) == 0 {
			if err := r.begin(id, columns, i); err != nil {
				return err
			}
		}
		if err := r.add(columns, i); err != nil {
			return err
		}
	}
	return nil
}

// End ends the last session.
func (r *Reader) End() error {
	if len(r.session.Events) == 0 {
		return nil
	}
	hash := line.Hash([]byte(r.visit.ID), line.Seed)
	if _, seen := r.seen[hash]; seen {
		return fmt.Errorf("the events of session %s are not together", r.visit.ID)
	}
	r.seen[hash] = struct{}{}
	return r.f(&r.visit)
}

func (r *Reader) begin(id string, columns []*frames.Column, i int) error {
	if err := r.End(); err != nil {
		return err
	}
	r.session.Reset()
	clear(r.visit.Bought)
	r.visit = Visit{ID: id, Session: &r.session, Bought: r.visit.Bought[:0]}
	r.visit.Visitor = columns[visitorColumn].TextAt(i)
	r.session.Device, r.session.Referrer = textOrNone(columns[deviceColumn], i), textOrNone(columns[referrerColumn], i)
	if index := columns[indexColumn]; index.Has(i) {
		r.session.Index = index.IntAt(i)
	}
	return nil
}

func (r *Reader) add(columns []*frames.Column, i int) error {
	kind := features.KindOf(textOrNone(columns[kindColumn], i))
	e := features.Event{
		Micros: columns[timeColumn].LongAt(i), ID: columns[idColumn].TextAt(i), Kind: kind,
		Page: features.PageOf(textOrNone(columns[pageColumn], i)),
		Item: textOrNone(columns[itemColumn], i), Category: textOrNone(columns[categoryColumn], i),
		HasPrice: columns[priceColumn].Has(i), HasQuantity: columns[quantityColumn].Has(i),
	}
	if e.HasPrice {
		e.Price = columns[priceColumn].DoubleAt(i)
	}
	if e.HasQuantity {
		e.Quantity = columns[quantityColumn].IntAt(i)
	}
	if n := len(r.session.Events); n > 0 && e.IsBefore(&r.session.Events[n-1]) {
		return fmt.Errorf("the events of session %s are not sorted by time and id", r.visit.ID)
	}
	r.session.Events = append(r.session.Events, e)
	r.visit.Buys = r.visit.Buys || kind == features.Purchase || kind == features.PurchaseItem
	if kind == features.PurchaseItem && e.Item != "" {
		r.visit.Bought = append(r.visit.Bought, e.Item)
	}
	return nil
}

func textOrNone(c *frames.Column, i int) string {
	if !c.Has(i) {
		return ""
	}
	return c.TextAt(i)
}
