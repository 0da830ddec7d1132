package stages

import (
	"encoding/hex"
	"iter"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/frames"
	"leapline/cleaner/internal/profile"
	"leapline/cleaner/internal/row"
	"leapline/cleaner/internal/sessions"
)

// splitter makes events of rows and collects them by session, without those of repeated orders.
type splitter struct {
	session  func([]profile.Event)
	repeated map[string]bool
	events   []profile.Event
}

// newSplitter returns a splitter that calls a function with the events of each session.
func newSplitter(c *config.Config, session func([]profile.Event)) *splitter {
	s := &splitter{session: session, repeated: map[string]bool{}}
	for _, id := range c.Repeated {
		s.repeated[id] = true
	}
	return s
}

// bucket takes the rows of a bucket, sorted by session; a session is in one bucket.
func (s *splitter) bucket(rows iter.Seq[*row.Row]) {
	for r := range rows {
		if r.Reason != row.Event || len(s.repeated) > 0 && s.repeated[sessions.TrackerID(r)] {
			continue
		}
		if len(s.events) > 0 && s.events[0].Row.Session != r.Session {
			s.end()
		}
		session, visitor := "", ""
		if n := len(s.events); n > 0 {
			session = s.events[0].Session
			if last := &s.events[n-1]; last.Row.Visitor == r.Visitor {
				visitor = last.Visitor
			}
		} else {
			session = hex.EncodeToString(r.Session.Value[:])
		}
		if visitor == "" {
			visitor = hex.EncodeToString(r.Visitor.Value[:])
		}
		s.events = append(s.events, profile.Event{Row: r, Number: sessions.Number(len(s.events) + 1), Session: session, Visitor: visitor})
	}
	s.end()
}

func (s *splitter) end() {
	if len(s.events) > 0 {
		s.session(s.events)
		s.events = s.events[:0]
	}
}

// eachSession calls f for the events of each session.
func eachSession(c *config.Config, in *frames.Reader, f func([]profile.Event)) error {
	splitter := newSplitter(c, f)
	return eachBucket(in, func(_ uint32, rows []row.Row) error { splitter.bucket(pointers(rows)); return nil })
}

func pointers(rows []row.Row) iter.Seq[*row.Row] {
	return func(yield func(*row.Row) bool) {
		for i := range rows {
			if !yield(&rows[i]) {
				return
			}
		}
	}
}
