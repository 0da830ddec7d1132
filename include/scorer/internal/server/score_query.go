package server

import "net/http"

// scoreQuery is the request of /v1/score without its sessions.
type scoreQuery struct {
	payload
	features, items bool // whether the response contains them
}

// readScoreQuery scans the whole body, which validates its JSON.
func (req *request) readScoreQuery() (scoreQuery, error) {
	if req.lines {
		return req.scoreLinesQuery()
	}
	q := scoreQuery{payload: payload{start: -1}}
	var seen [2]bool // features, items
	err := req.readObject(func(key []byte) error {
		switch string(key) {
		case "features":
			return req.readBool(&q.features, &seen[0], "/features")
		case "items":
			return req.readBool(&q.items, &seen[1], "/items")
		case "sessions", "session":
			return req.locate(&q.payload, "sessions", "session", string(key) == "session")
		}
		return newProblem(http.StatusBadRequest, `unknown member %.80q, expected sessions, session, features or items`, content(key))
	})
	if err == nil && q.start < 0 {
		err = newProblem(http.StatusBadRequest,
			`"sessions" is missing: send {"sessions":[{"events":[...]}]} or {"session":{"events":[...]}}`)
	}
	return q, err
}

func (req *request) readBool(value, seen *bool, pointer string) (err error) {
	next := req.scan.Peek()
	switch {
	case *seen:
		return newProblem(http.StatusBadRequest, "is duplicated").withPointer(pointer)
	case next != 't' && next != 'f':
		return newProblem(http.StatusBadRequest, "must be true or false").withPointer(pointer)
	}
	*seen = true
	if *value, err = req.scan.Bool(); err != nil {
		return malformedJSON(err)
	}
	return nil
}

// isScoreRequest reports whether the body's first member belongs to a request of /v1/score; for JSON lines, whether the first
// object has events.
func (req *request) isScoreRequest() bool {
	if req.lines {
		return req.hasEvents()
	}
	req.scan.Reset(req.body)
	if req.scan.Object() != nil {
		return false
	}
	key, _, err := req.scan.Key(true)
	if err != nil {
		return false
	}
	switch string(key) {
	case "sessions", "session", "features", "items":
		return true
	}
	return false
}

// hasEvents reports whether the first object of the body has the member events.
func (req *request) hasEvents() bool {
	req.scan.Reset(req.body)
	if req.scan.Object() != nil {
		return false
	}
	for first := true; ; first = false {
		key, more, err := req.scan.Key(first)
		switch {
		case err != nil || !more:
			return false
		case string(key) == "events":
			return true
		}
		if req.scan.Skip() != nil {
			return false
		}
	}
}
