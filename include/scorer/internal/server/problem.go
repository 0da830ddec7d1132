package server

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Problem is an error as RFC 9457 (application/problem+json) has it. Row, Column and Pointer are extension members: where
// in the request the fault is, counted from 0; Pointer is a JSON pointer (RFC 6901).
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Row     *int   `json:"row,omitempty"`
	Column  string `json:"column,omitempty"`
	Pointer string `json:"pointer,omitempty"`
}

func (p *Problem) Error() string {
	return p.Detail
}

func problem(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/problem+json"}
	header["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone away needs no answer
}
