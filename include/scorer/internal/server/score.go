package server

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"

	"leapline/scorer/engine"
	"leapline/scorer/features"
	"leapline/scorer/internal/jsonscan"
)

// Score answers the body of a POST /v1/score without a server.
func Score(m *Model, body []byte) ([]byte, error) {
	s := New(math.MaxInt64, slog.New(slog.DiscardHandler))
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/score", nil)
	if err != nil {
		return nil, err
	}
	x := &exchange{request: request, body: body}
	err = s.score(m, x)
	return x.out, err
}

// score scores sessions of events:
//
//	{"sessions": [{"session": "any id", "device": "Mobile", "events": [{"ts": ..., "kind": "item_view", ...}]}], "features": true}
func (s *Server) score(m *Model, x *exchange) error {
	q, err := x.readScoreQuery()
	if err != nil {
		return err
	}
	if m.live == nil {
		return problem(http.StatusUnprocessableEntity, "this model cannot score sessions: %s", m.unable)
	}
	if q.items && m.items == nil {
		return problem(http.StatusUnprocessableEntity, "this model cannot rank items: the archive has no model of them").at("/items")
	}
	x.contentType = jsonType
	x.out = append(jsonscan.AppendString(append(x.out, `{"model":`...), m.ID), `,"sessions":[`...)
	v := &visit{x: x, q: q, state: m.live.states.Get().(*features.State), row: m.live.scoring.rows.Get().(*engine.Row)}
	n, err := s.scoreSessions(m, v)
	if err != nil {
		return err
	}
	m.live.keep(v.state)
	m.live.scoring.rows.Put(v.row)
	s.metrics.rows.Add(uint64(n))
	x.out = append(x.out, "]}\n"...)
	return nil
}

// scoreSessions scores one session after the other, straight from the body into the answer; it gives their number.
func (s *Server) scoreSessions(m *Model, v *visit) (int, error) {
	scan := &v.x.scan
	scan.Seek(v.q.at)
	if v.q.single {
		return 1, m.scoreSession(v)
	}
	if err := scan.Array(); err != nil {
		return 0, notJSON(err)
	}
	for ; ; v.n++ {
		more, err := scan.Elem(v.n == 0)
		if err != nil {
			return v.n, notJSON(err)
		}
		if !more {
			return v.n, nil
		}
		if err := s.checkRow(v.x, v.n, len(v.x.out)); err != nil {
			return v.n, err
		}
		if v.n > 0 {
			v.x.out = append(v.x.out, ',')
		}
		if err := m.scoreSession(v); err != nil {
			return v.n, err
		}
	}
}

// Reasons why a session has no probability.
const (
	noEvents   = "the session has no events"
	atCheckout = "the session has no events before its checkout"
)

func (m *Model) scoreSession(v *visit) error {
	if err := v.read(); err != nil {
		return err
	}
	x, session := v.x, &v.state.Session
	given := len(session.Events)
	session.Cut()
	x.out = append(x.out, '{')
	if v.id != nil {
		x.out = append(append(append(x.out, `"session":`...), v.id...), ',')
	}
	switch {
	case given == 0:
		x.out = append(x.out, `"reason":"`+noEvents+`"}`...)
		return nil
	case len(session.Events) == 0:
		x.out = append(x.out, `"reason":"`+atCheckout+`"}`...)
		return nil
	}
	v.state.Evaluate()
	p, err := m.live.run(v.state, v.row)
	if err != nil {
		v.field = ""
		return v.refuse(err.Error())
	}
	x.out = fmt.Appendf(x.out, `"events_seen":%d`, len(session.Events))
	x.out = m.appendBuy(x.out, p)
	if v.q.features {
		x.out = m.live.appendFeatures(x.out, v.state)
	}
	if v.q.items {
		if err := m.items.rank(v); err != nil {
			return err
		}
	}
	x.out = append(x.out, '}')
	return nil
}
