package server

import (
	"net/http"
	"runtime"

	"leapline/scorer/engine"
	"leapline/scorer/features"
)

// maxEvents is the maximum number of events in one session.
const maxEvents = 50_000

// sessionDecoder reads sessions from a request's body. It tracks its position in the request for error messages.
type sessionDecoder struct {
	req        *request
	query      scoreQuery
	state      *features.State
	row        *engine.Row
	eventBytes int64  // memory that an event needs in the feature evaluators
	rawID      []byte // the session's id, verbatim from the body; nil if it has none
	session    int    // index of the current session
	event      int    // index of the current event, -1 outside the events
	member     string // name of the current member, "" for the enclosing object
}

// The members of a session and of an event.
var (
	sessionMembers = []string{"session", "device", "referrer", "session_index", "events"}
	eventMembers   = []string{"ts", "kind", "page", "item", "category", "price", "quantity", "event_id"}
)

// readSession reads the next session. Its strings are valid as long as the body.
func (d *sessionDecoder) readSession() error {
	d.rawID, d.event, d.member = nil, -1, ""
	session := &d.state.Session
	session.Reset()
	seen, err := d.readObject(sessionMembers, func(member string) error {
		switch member {
		case "session":
			return d.readID()
		case "device":
			return d.readText(&session.Device)
		case "referrer":
			return d.readText(&session.Referrer)
		case "session_index":
			_, err := d.readInt32(&session.Index)
			return err
		}
		return d.readEvents(session)
	})
	if err == nil && seen&(1<<4) == 0 {
		d.member = "events"
		err = d.reject("is missing")
	}
	return err
}

func (d *sessionDecoder) readEvents(session *features.Session) error {
	s := &d.req.scan
	if s.Peek() != '[' {
		return d.typeError("an array of events")
	}
	if err := s.Array(); err != nil {
		return malformedJSON(err)
	}
	for n := 0; ; n++ {
		more, err := s.Elem(n == 0)
		if err != nil {
			return malformedJSON(err)
		}
		if !more {
			d.event, d.member = -1, "events"
			return nil
		}
		if n == maxEvents {
			d.event, d.member = -1, "events"
			return newProblem(http.StatusRequestEntityTooLarge, "too many events (max %d)", n).withPointer(d.pointer())
		}
		if n%rowsBetweenYields == 0 {
			if err := d.chargeEvents(n + rowsBetweenYields); err != nil {
				return err
			}
		}
		d.event, d.member = n, ""
		session.Events = append(session.Events, features.Event{Page: features.NoPage})
		if err := d.readEvent(&session.Events[n]); err != nil {
			return err
		}
	}
}

// chargeEvents charges the memory of a session with n events, and yields to other requests.
func (d *sessionDecoder) chargeEvents(n int) error {
	if n > rowsBetweenYields {
		runtime.Gosched()
	}
	d.req.state = max(d.req.state, int64(n)*d.eventBytes)
	return d.req.completeChunk()
}

func (d *sessionDecoder) readEvent(e *features.Event) error {
	seen, err := d.readObject(eventMembers, func(member string) (err error) {
		switch member {
		case "ts":
			e.Micros, err = d.readTimestamp()
		case "kind":
			e.Kind, err = d.readKind()
		case "page":
			e.Page, err = d.readPage()
		case "item":
			err = d.readName(&e.Item)
		case "category":
			err = d.readName(&e.Category)
		case "price":
			e.HasPrice, err = d.readNumber(&e.Price)
		case "quantity":
			e.HasQuantity, err = d.readInt32(&e.Quantity)
		case "event_id":
			err = d.readText(&e.ID)
		}
		return err
	})
	for i := range 2 { // ts and kind are required
		if err == nil && seen&(1<<i) == 0 {
			d.member = eventMembers[i]
			err = d.reject("is missing")
		}
	}
	return err
}

// readObject reads an object with the given members, each at most once, and returns the set of members it contains.
func (d *sessionDecoder) readObject(names []string, read func(member string) error) (seen uint, err error) {
	s := &d.req.scan
	if s.Peek() != '{' {
		return 0, d.typeError("an object")
	}
	if err := s.Object(); err != nil {
		return 0, malformedJSON(err)
	}
	next := 0
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return 0, malformedJSON(err)
		}
		if !more {
			return seen, nil
		}
		i := memberIndex(names, key, next)
		switch {
		case i < 0:
			return 0, d.unknownMember(key, names)
		case seen&(1<<i) != 0:
			d.member = names[i]
			return 0, d.reject("is duplicated")
		}
		seen, next, d.member = seen|1<<i, i+1, names[i]
		if err := read(names[i]); err != nil {
			return 0, err
		}
	}
}

// memberIndex returns the index of a name, or -1. Most objects have the same order of members, so the one after the
// previous member is tried first.
func memberIndex(names []string, key []byte, guess int) int {
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
