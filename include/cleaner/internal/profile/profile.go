// Package profile computes the statistics of a day's clean events that the data check uses.
package profile

import (
	"encoding/hex"

	"leapline/cleaner/internal/personal"
	"leapline/cleaner/internal/row"
	"leapline/cleaner/internal/sessions"
)

const (
	minute = 60_000_000
	day    = 24 * 60 * minute
	skew   = 15 * minute // an event this far after its arrival is out of order
	near   = 600         // seconds from an order
)

// statistics count events or sessions, besides those per kind.
var statistics = []string{
	"sessions", "events", "buyers", "shared_sessions", "duplicates", "unknown_kinds", "null_event_id", "null_session", "null_visitor",
	"null_ts", "null_collector_ts", "null_kind", "negative_prices", "bad_quantities", "out_of_order", "before_day", "after_tail",
	"bad_pseudonyms", "personal_values",
}

// Event is a clean event as it is written.
type Event struct {
	*row.Row
	Number, Session, Visitor string
}

// Profile has the statistics of the events of one task; their sums are those of the day.
type Profile struct {
	Counts       map[string]int64
	LargestPrice float64
	HashXor      int64
	HashSum      int64
	Visitors     map[[32]byte]int64 // visitor -> sessions
	Names        map[string]*Name   // an unmapped page or event; "" for all sessions

	start    int64
	detector *personal.Detector
	texts    []byte
}

// Name counts the sessions with a page or event that the mapping does not know.
type Name struct {
	Sessions, OrderSessions, NearOrder int64
}

// New returns an empty profile of a day that starts at a time in microseconds since 1970.
func New(start int64, detector *personal.Detector, kinds []string) *Profile {
	p := &Profile{
		Counts: map[string]int64{}, Visitors: map[[32]byte]int64{}, Names: map[string]*Name{}, start: start, detector: detector,
	}
	for _, kind := range kinds {
		p.Counts["kind_"+kind] = 0
	}
	for _, name := range statistics {
		p.Counts[name] = 0
	}
	return p
}

// Session adds the events of a session, in their order.
func (p *Profile) Session(events []Event) {
	p.Counts["sessions"]++
	p.Counts["events"] += int64(len(events))
	first, shared, bought := events[0].Row.Visitor.Value, false, false
	numbers := map[string]bool{}
	for i := range events {
		e := &events[i]
		shared = shared || e.Row.Visitor.Value != events[0].Row.Visitor.Value
		if string(e.Row.Visitor.Value[:]) < string(first[:]) {
			first = e.Row.Visitor.Value
		}
		bought = bought || e.Kind == "purchase"
		numbers[e.Number] = true
		p.event(e)
	}
	p.Visitors[first]++
	p.count("buyers", bought)
	p.count("shared_sessions", shared)
	if !isNumbered(numbers, len(events)) {
		p.Counts["duplicates"] += int64(len(events))
	}
	p.names(events)
}

// isNumbered reports whether n events are numbered from 1 on: then none of them is there twice, and none is missing.
func isNumbered(numbers map[string]bool, n int) bool {
	for i := range n {
		if !numbers[sessions.Number(i+1)] {
			return false
		}
	}
	return len(numbers) == n
}

func (p *Profile) count(name string, is bool) {
	if is {
		p.Counts[name]++
	}
}

func (p *Profile) event(e *Event) {
	r := e.Row
	kind := "kind_" + r.Kind
	if _, known := p.Counts[kind]; known {
		p.Counts[kind]++
	} else {
		p.Counts["unknown_kinds"]++
	}
	p.count("null_event_id", e.Number == "")
	p.count("null_session", e.Session == "")
	p.count("null_visitor", e.Visitor == "")
	p.count("null_collector_ts", !r.Dated)
	p.count("null_kind", r.Kind == "")
	p.count("negative_prices", r.HasPrice && r.Price < 0)
	p.count("bad_quantities", r.HasQuantity && r.Quantity < 0)
	p.count("out_of_order", r.Time > r.Collector+skew)
	p.count("before_day", r.Time < p.start)
	p.count("after_tail", r.Time >= p.start+2*day)
	p.count("bad_pseudonyms", !isPseudonym(e.Session) || !isPseudonym(e.Visitor))
	p.count("personal_values", p.detector.Detects(p.freeTexts(r)))
	if r.HasPrice {
		p.LargestPrice = max(p.LargestPrice, r.Price)
	}
	p.hash(e)
}

func isPseudonym(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == 32
}

func (p *Profile) freeTexts(r *row.Row) []byte {
	b := p.texts[:0]
	for _, text := range [...]row.Text{{Value: r.Page, OK: r.Page != ""}, r.Item, r.Category, r.Device, r.Referrer} {
		if !text.OK {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, text.Value...)
	}
	p.texts = b
	return b
}

// hash adds the event's values in the order of their columns' names.
func (p *Profile) hash(e *Event) {
	r, d := e.Row, newDigest()
	d.text(r.Category.Value, r.Category.OK)
	d.long(r.Collector, r.Dated)
	d.text(r.Device.Value, r.Device.OK)
	d.text(e.Number, true)
	d.text(r.Item.Value, r.Item.OK)
	d.text(r.Kind, true)
	d.text(r.Page, r.Page != "")
	d.double(r.Price, r.HasPrice)
	d.int(r.Quantity, r.HasQuantity)
	d.text(r.Referrer.Value, r.Referrer.OK)
	d.text(e.Session, true)
	d.int(r.SessionIndex, r.HasIndex)
	d.long(r.Time, true)
	d.text(e.Visitor, true)
	p.HashXor ^= int64(d.xx)
	p.HashSum += int64(int32(d.murmur))
}

// names counts what the mapping does not know in a session.
func (p *Profile) names(events []Event) {
	order, ordered := int64(0), false
	for _, e := range events {
		if e.Kind == "purchase" && (!ordered || e.Time < order) {
			order, ordered = e.Time, true
		}
	}
	if ordered {
		p.name("").OrderSessions++
	}
	seen := map[string]bool{} // name -> whether it is near the order
	for _, e := range events {
		if e.Unmapped != "" {
			distance := (e.Time - order) / 1_000_000
			seen[e.Unmapped] = seen[e.Unmapped] || ordered && max(distance, -distance) <= near
		}
	}
	for text, isNear := range seen {
		n := p.name(text)
		n.Sessions++
		if ordered {
			n.OrderSessions++
		}
		if isNear {
			n.NearOrder++
		}
	}
}

func (p *Profile) name(text string) *Name {
	n := p.Names[text]
	if n == nil {
		n = &Name{}
		p.Names[text] = n
	}
	return n
}
