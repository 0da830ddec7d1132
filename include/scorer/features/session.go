package features

import (
	"math"
	"slices"
	"strings"
)

// Event is one event of a session.
type Event struct {
	Micros         int64  // since 1970-01-01 UTC
	ID             string // orders events of the same moment, by bytes
	Item, Category string // "" is none
	Price          float64
	Quantity       int32
	Kind           Kind
	Page           Page
	HasPrice       bool
	HasQuantity    bool
}

// Session is what a website knows of a visit so far.
type Session struct {
	Device, Referrer string // "" is unknown
	Index            int32  // the visitor's running session number, 0 if unknown
	Events           []Event
}

// Reset empties a session and keeps its memory.
func (s *Session) Reset() {
	clear(s.Events) // they hold texts of the caller's
	*s = Session{Events: s.Events[:0]}
}

// Cut brings the events in order and keeps those that a model may see: those before the first sign of a checkout, as in
// training. Of events at the very moment of that sign none is kept.
func (s *Session) Cut() {
	if !slices.IsSortedFunc(s.Events, compareEvents) {
		slices.SortStableFunc(s.Events, compareEvents)
	}
	for i := range s.Events {
		if !s.Events[i].endsVisit() {
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

func compareEvents(a, b Event) int {
	switch {
	case a.Micros < b.Micros:
		return -1
	case a.Micros > b.Micros:
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// row is an event as the operations see it: whole numbers only. An absent text has the number -1.
type row struct {
	ms, dwell, cents, amount   int64
	quantity                   int64
	next                       int32 // the session's next event but page pings; -1 if none follows
	item, category, pair       int32
	kind, page                 uint8
	priced, counted, hasAmount bool
}

const (
	mostPrice  = 1e9  // beyond it a price is none
	mostAmount = 1e11 // in cents
)

// prepare makes the rows of the session's events, which are in order.
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
	for i := range s.rows { // numbered as they are met
		e, r := &s.Session.Events[i], &s.rows[i]
		r.item, r.category = s.items.number(e.Item), s.categories.number(e.Category)
		r.pair = s.pairs.number(r.item, r.category)
	}
}

// setMoney turns price and quantity into whole cents. The inner conversion keeps a compiler from fusing multiplication and
// addition, which would round once instead of twice as Spark does.
func (r *row) setMoney(e *Event) {
	r.quantity, r.counted = int64(e.Quantity), e.HasQuantity
	if !e.HasPrice || !(math.Abs(e.Price) <= mostPrice) {
		return
	}
	r.cents, r.priced = int64(math.Floor(float64(e.Price*100)+0.5)), true
	quantity := int64(1)
	if e.HasQuantity {
		quantity = r.quantity
	}
	if math.Abs(float64(r.cents)*float64(quantity)) <= mostAmount {
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
