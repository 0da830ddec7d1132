package features

import (
	"math"
	"slices"
	"strings"
)

// Event is one event of a session.
type Event struct {
	Micros         int64  // microseconds since 1970-01-01 UTC
	ID             string // orders events with equal timestamps, by bytes
	Item, Category string // "" if absent
	Price          float64
	Quantity       int32
	Kind           Kind
	Page           Page
	HasPrice       bool
	HasQuantity    bool
}

// Session is the state of a session as far as a website knows it.
type Session struct {
	Device, Referrer string // "" if unknown
	Index            int32  // number of the session among those of the visitor, from 1; 0 if unknown
	Events           []Event
}

// Reset clears a session and keeps its memory.
func (s *Session) Reset() {
	clear(s.Events) // they refer to the caller's texts
	*s = Session{Events: s.Events[:0]}
}

// Cut sorts the events and removes those from the checkout on, as in training: the first event that shows a checkout, every
// event with the same timestamp, and all later ones.
func (s *Session) Cut() {
	if !slices.IsSortedFunc(s.Events, compareEvents) {
		slices.SortStableFunc(s.Events, compareEvents)
	}
	for i := range s.Events {
		if !s.Events[i].showsCheckout() {
			continue
		}
		n := i
		for n > 0 && s.Events[n-1].Micros == s.Events[i].Micros {
			n--
		}
		clear(s.Events[n:])
		s.Events = s.Events[:n]
		return
	}
}

// IsBefore reports whether an event comes before another one of its session.
func (e *Event) IsBefore(other *Event) bool { return compareEvents(*e, *other) < 0 }

func compareEvents(a, b Event) int {
	switch {
	case a.Micros < b.Micros:
		return -1
	case a.Micros > b.Micros:
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// row is an event in the form that the operations use: whole numbers only. An absent text has the id -1.
type row struct {
	ms, dwell, cents, amount   int64
	quantity                   int64
	next                       int32 // index of the next event that is not a page ping; -1 if there is none
	item, category, pair       int32
	kind, page                 uint8
	priced, counted, hasAmount bool
}

const (
	maxPrice  = 1e9  // larger prices are treated as absent
	maxAmount = 1e11 // in cents
)

// prepare computes the rows of the session's events, which are sorted.
func (s *State) prepare() {
	s.rows = slices.Grow(s.rows[:0], len(s.Session.Events))[:len(s.Session.Events)]
	s.items.reset()
	s.categories.reset()
	s.pairs.reset()
	last, next := int64(0), int32(-1)
	for i := len(s.rows) - 1; i >= 0; i-- {
		e, r := &s.Session.Events[i], &s.rows[i]
		*r = row{ms: floorDiv(e.Micros, 1000), next: next, kind: uint8(e.Kind), page: uint8(e.Page)}
		if i == len(s.rows)-1 {
			last = r.ms
		}
		r.dwell = last - r.ms
		if next >= 0 {
			r.dwell = s.rows[next].ms - r.ms
		}
		if e.Kind != PagePing {
			next = int32(i)
		}
		r.setMoney(e)
	}
	for i := range s.rows { // in order of occurrence, which determines the ids
		e, r := &s.Session.Events[i], &s.rows[i]
		r.item, r.category = s.items.number(e.Item), s.categories.number(e.Category)
		r.pair = s.pairs.number(r.item, r.category)
	}
}

// setMoney converts price and quantity to whole cents. The explicit conversion prevents a fused multiply-add, which would
// round once instead of twice as Spark does.
func (r *row) setMoney(e *Event) {
	r.quantity, r.counted = int64(e.Quantity), e.HasQuantity
	if !e.HasPrice || !(math.Abs(e.Price) <= maxPrice) {
		return
	}
	r.cents, r.priced = int64(math.Floor(float64(e.Price*100)+0.5)), true
	quantity := int64(1)
	if e.HasQuantity {
		quantity = r.quantity
	}
	if math.Abs(float64(r.cents)*float64(quantity)) <= maxAmount {
		r.amount, r.hasAmount = r.cents*quantity, true
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
