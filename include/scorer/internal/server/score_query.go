package server

import "net/http"

// scoreQuery is a request to score sessions but for these, which stay in the body.
type scoreQuery struct {
	at              int  // where sessions or session begins
	single          bool // session, not sessions
	features, items bool
}

// readScoreQuery goes over the whole body, which is thereby known to be JSON.
func (x *exchange) readScoreQuery() (scoreQuery, error) {
	q := scoreQuery{at: -1}
	var seen [2]bool // features, items
	err := x.members(func(key []byte) error {
		switch string(key) {
		case "features":
			return x.readSwitch(&q.features, &seen[0], "/features")
		case "items":
			return x.readSwitch(&q.items, &seen[1], "/items")
		}
		return x.findSessions(&q, key)
	})
	if err != nil {
		return q, err
	}
	if q.at < 0 {
		return q, problem(http.StatusBadRequest, `"sessions" is missing: send {"sessions":[{"events":[...]}]} or {"session":{"events":[...]}}`)
	}
	return q, nil
}

func (x *exchange) findSessions(q *scoreQuery, key []byte) error {
	s := &x.scan
	many, one := string(key) == "sessions", string(key) == "session"
	switch next := s.Peek(); {
	case !many && !one:
		return problem(http.StatusBadRequest, `unknown member %.80q, expected sessions, session, features or items`, key)
	case q.at >= 0:
		return problem(http.StatusBadRequest, `send "sessions" or "session", and once`)
	case many && next != '[':
		return problem(http.StatusBadRequest, `"sessions" must be an array of objects`).at("/sessions")
	}
	q.at, q.single = s.Pos(), one
	if err := s.Skip(); err != nil {
		return notJSON(err)
	}
	return nil
}

func (x *exchange) readSwitch(to, seen *bool, pointer string) (err error) {
	next := x.scan.Peek()
	if *seen || (next != 't' && next != 'f') {
		return problem(http.StatusBadRequest, "must be true or false, and there once").at(pointer)
	}
	*seen = true
	if *to, err = x.scan.Bool(); err != nil {
		return notJSON(err)
	}
	return nil
}

// asksForSessions says whether a body is a request to score sessions, by its first member.
func (x *exchange) asksForSessions() bool {
	x.scan.Reset(x.body)
	if x.scan.Object() != nil {
		return false
	}
	key, _, err := x.scan.Key(true)
	if err != nil {
		return false
	}
	switch string(key) {
	case "sessions", "session", "features", "items":
		return true
	}
	return false
}
