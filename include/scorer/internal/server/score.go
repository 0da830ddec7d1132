package server

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"

	"leapline/scorer/engine"
	"leapline/scorer/features"
)

// Score returns the response to the body of a POST /v1/score, without a server.
func Score(m *Model, body []byte) ([]byte, error) {
	s := New(Settings{Limits: Limits{Body: math.MaxInt64}}, slog.New(slog.DiscardHandler))
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/score", nil)
	if err != nil {
		return nil, err
	}
	req := &request{http: r, body: body}
	err = s.score(m, req)
	return bytes.Join(append(req.chunks, req.out), nil), err
}

// score scores sessions of events:
//
//	{"sessions": [{"session": "any id", "device": "Mobile", "events": [{"ts": ..., "kind": "item_view", ...}]}], "features": true}
func (s *Server) score(m *Model, req *request) error {
	q, err := req.readScoreQuery()
	if err != nil {
		return err
	}
	if m.sessions == nil {
		return newProblem(http.StatusUnprocessableEntity, "this model cannot score sessions: %s", m.unsupportedReason)
	}
	if q.items && m.items == nil {
		return newProblem(http.StatusUnprocessableEntity, "this model cannot rank items: the archive has no item model").
			withPointer("/items")
	}
	req.startList(m, "sessions")
	d := &sessionDecoder{
		req: req, query: q, state: m.sessions.states.Get().(*features.State), row: m.sessions.plan.rows.Get().(*engine.Row),
	}
	d.eventBytes = m.sessions.program.EventBytes()
	if q.items {
		d.eventBytes += m.items.program.EventBytes()
	}
	n, err := forEach(req, q.payload, func(n int) error {
		if err := s.startElement(req, n); err != nil {
			return err
		}
		if n > 0 {
			req.separate()
		}
		d.session = n
		return m.scoreSession(d)
	})
	if err != nil {
		return err
	}
	m.sessions.release(d.state)
	m.sessions.plan.rows.Put(d.row)
	s.metrics.rows.Add(uint64(n))
	req.endList(n)
	return nil
}

// Reasons why a session has no probability.
const (
	noEvents               = "the session has no events"
	noEventsBeforeCheckout = "the session has no events before its checkout"
)

// scoreSession reads and scores the session that is next in the body.
func (m *Model) scoreSession(d *sessionDecoder) error {
	if err := d.readSession(); err != nil {
		return err
	}
	req, session := d.req, &d.state.Session
	received := len(session.Events)
	session.Cut()
	req.out = append(req.out, '{')
	if d.rawID != nil {
		req.out = append(append(append(req.out, `"session":`...), d.rawID...), ',')
	}
	switch {
	case received == 0:
		req.out = append(req.out, `"reason":"`+noEvents+`"}`...)
		return nil
	case len(session.Events) == 0:
		req.out = append(req.out, `"reason":"`+noEventsBeforeCheckout+`"}`...)
		return nil
	}
	d.state.Evaluate()
	p, err := m.sessions.probability(d.state, d.row)
	if err != nil {
		d.member = ""
		return d.reject("%v", err)
	}
	req.out = fmt.Appendf(req.out, `"events_seen":%d`, len(session.Events))
	req.out = m.appendBuy(req.out, p)
	if d.query.features {
		req.out = m.sessions.appendFeatures(req.out, d.state)
	}
	if d.query.items {
		if err := m.items.appendRanking(d); err != nil {
			return err
		}
	}
	req.out = append(req.out, '}')
	return nil
}
