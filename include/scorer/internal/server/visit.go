package server

import (
	"net/http"

	"leapline/scorer/engine"
	"leapline/scorer/features"
)

// maxEvents is how many events of one session are taken.
const maxEvents = 50_000

// visit is the session that is being read, and where in the request that is.
type visit struct {
	x     *exchange
	q     scoreQuery
	state *features.State
	row   *engine.Row
	id    []byte // of the session, as it stands in the body; nil if it has none
	n     int    // which session
	event int    // which of its events, -1 outside of them
	field string // which member, "" for the whole
}

// The members of a session and of an event.
var (
	sessionMembers = []string{"session", "device", "referrer", "session_index", "events"}
	eventMembers   = []string{"ts", "kind", "page", "item", "category", "price", "quantity", "event_id"}
)

// read takes the session that is next. Its texts are valid as long as the body.
func (v *visit) read() error {
	v.id, v.event, v.field = nil, -1, ""
	session := &v.state.Session
	session.Reset()
	seen, err := v.object(sessionMembers, func(member string) error {
		switch member {
		case "session":
			return v.readID()
		case "device":
			return v.readText(&session.Device)
		case "referrer":
			return v.readText(&session.Referrer)
		case "session_index":
			_, err := v.readWhole(&session.Index)
			return err
		}
		return v.readEvents(session)
	})
	if err == nil && seen&(1<<4) == 0 {
		v.field = "events"
		err = v.refuse("is missing")
	}
	return err
}

func (v *visit) readEvents(session *features.Session) error {
	s := &v.x.scan
	if s.Peek() != '[' {
		return v.wrong("an array of events")
	}
	if err := s.Array(); err != nil {
		return notJSON(err)
	}
	for n := 0; ; n++ {
		more, err := s.Elem(n == 0)
		if err != nil {
			return notJSON(err)
		}
		if !more {
			v.event, v.field = -1, "events"
			return nil
		}
		if n == maxEvents {
			v.event, v.field = -1, "events"
			return problem(http.StatusRequestEntityTooLarge, "more than %d events, the most that are taken of a session", n).at(v.pointer())
		}
		v.event, v.field = n, ""
		session.Events = append(session.Events, features.Event{Page: features.NoPage})
		if err := v.readEvent(&session.Events[n]); err != nil {
			return err
		}
	}
}

func (v *visit) readEvent(e *features.Event) error {
	seen, err := v.object(eventMembers, func(member string) (err error) {
		switch member {
		case "ts":
			e.Micros, err = v.readMoment()
		case "kind":
			e.Kind, err = v.readKind()
		case "page":
			e.Page, err = v.readPage()
		case "item":
			err = v.readName(&e.Item)
		case "category":
			err = v.readName(&e.Category)
		case "price":
			e.HasPrice, err = v.readNumber(&e.Price)
		case "quantity":
			e.HasQuantity, err = v.readWhole(&e.Quantity)
		case "event_id":
			err = v.readText(&e.ID)
		}
		return err
	})
	for i := range 2 { // ts and kind must be there
		if err == nil && seen&(1<<i) == 0 {
			v.field = eventMembers[i]
			err = v.refuse("is missing")
		}
	}
	return err
}

// object reads an object of known members, each at most once, and gives the set of those seen.
func (v *visit) object(names []string, read func(member string) error) (seen uint, err error) {
	s := &v.x.scan
	if s.Peek() != '{' {
		return 0, v.wrong("an object")
	}
	if err := s.Object(); err != nil {
		return 0, notJSON(err)
	}
	next := 0
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return 0, notJSON(err)
		}
		if !more {
			return seen, nil
		}
		i := placeOf(names, key, next)
		switch {
		case i < 0:
			return 0, v.unknown(key, names)
		case seen&(1<<i) != 0:
			v.field = names[i]
			return 0, v.refuse("is there twice")
		}
		seen, next, v.field = seen|1<<i, i+1, names[i]
		if err := read(names[i]); err != nil {
			return 0, err
		}
	}
}

// placeOf finds a name. Objects mostly have the same order, so the one after the last is tried first.
func placeOf(names []string, key []byte, guess int) int {
	if guess < len(names) && names[guess] == string(key) {
		return guess
	}
	for i, name := range names {
		if name == string(key) {
			return i
		}
	}
	return -1
}
