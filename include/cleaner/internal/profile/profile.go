// Package profile computes the statistics of a day's clean events that the data check uses.
package profile

import (
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

// What is counted, besides the events of each kind.
const (
	sessionsSeen = iota
	eventsSeen
	buyers
	sharedSessions
	duplicates
	unknownKinds
	nullEventID
	nullSession
	nullVisitor
	nullTime
	nullCollector
	nullKind
	negativePrices
	badQuantities
	outOfOrder
	beforeDay
	afterTail
	badPseudonyms
	personalValues
	statistics
)

var names = [statistics]string{
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
	LargestPrice float64
	HashXor      int64
	HashSum      int64
	Visitors     map[[32]byte]int64 // visitor -> sessions
	Names        map[string]*Name   // an unmapped page or event; "" for all sessions

	counts   [statistics]int64
	kinds    map[string]*int64
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
		Visitors: map[[32]byte]int64{}, Names: map[string]*Name{}, kinds: map[string]*int64{}, start: start, detector: detector,
	}
	for _, kind := range kinds {
		p.kinds[kind] = new(int64)
	}
	return p
}

// Counts returns the numbers of events and sessions by statistic.
func (p *Profile) Counts() map[string]int64 {
	counts := map[string]int64{}
	for i, name := range names {
		counts[name] = p.counts[i]
	}
	for kind, n := range p.kinds {
		counts["kind_"+kind] = *n
	}
	return counts
}

// Session adds the events of a session, in their order.
func (p *Profile) Session(events []Event) {
	p.counts[sessionsSeen]++
	p.counts[eventsSeen] += int64(len(events))
	first, shared, bought := events[0].Row.Visitor.Value, false, false
	for i := range events {
		e := &events[i]
		shared = shared || e.Row.Visitor.Value != events[0].Row.Visitor.Value
		if string(e.Row.Visitor.Value[:]) < string(first[:]) {
			first = e.Row.Visitor.Value
		}
		bought = bought || e.Kind == "purchase"
		p.event(e)
	}
	p.Visitors[first]++
	p.count(buyers, bought)
	p.count(sharedSessions, shared)
	if !isNumbered(events) {
		p.counts[duplicates] += int64(len(events))
	}
	p.names(events)
}

// isNumbered reports whether events are numbered from 1 on: then none of them is there twice, and none is missing.
func isNumbered(events []Event) bool {
	for i := range events {
		if events[i].Number != sessions.Number(i+1) {
			return false
		}
	}
	return true
}

func (p *Profile) count(statistic int, is bool) {
	if is {
		p.counts[statistic]++
	}
}

func (p *Profile) event(e *Event) {
	r := e.Row
	if n := p.kinds[r.Kind]; n != nil {
		*n++
	} else {
		p.counts[unknownKinds]++
	}
	p.count(nullEventID, e.Number == "")
	p.count(nullSession, e.Session == "")
	p.count(nullVisitor, e.Visitor == "")
	p.count(nullCollector, !r.Dated)
	p.count(nullKind, r.Kind == "")
	p.count(negativePrices, r.HasPrice && r.Price < 0)
	p.count(badQuantities, r.HasQuantity && r.Quantity < 0)
	p.count(outOfOrder, r.Time > r.Collector+skew)
	p.count(beforeDay, r.Time < p.start)
	p.count(afterTail, r.Time >= p.start+2*day)
	p.count(badPseudonyms, !isPseudonym(e.Session) || !isPseudonym(e.Visitor))
	p.count(personalValues, p.detector.Detects(p.freeTexts(r)))
	if r.HasPrice {
		p.LargestPrice = max(p.LargestPrice, r.Price)
	}
	p.hash(e)
}

func isPseudonym(text string) bool {
	for _, c := range []byte(text) {
		if c-'0' > 9 && (c|0x20)-'a' > 5 {
			return false
		}
	}
	return len(text) == 64
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
