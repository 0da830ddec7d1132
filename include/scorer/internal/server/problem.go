package server

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Problem is an error response as defined by RFC 9457 (application/problem+json). Row, Column and Pointer are extension
// members that locate the error in the request: Row counts from 0, Pointer is a JSON pointer (RFC 6901).
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Row     *int   `json:"row,omitempty"`
	Column  string `json:"column,omitempty"`
	Pointer string `json:"pointer,omitempty"`

	retryAfter string // value of the header Retry-After, in seconds; "" for none
}

// Error returns the problem's detail.
func (p *Problem) Error() string {
	return p.Detail
}

func newProblem(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// malformedJSON returns the problem for a body that is not JSON of the expected structure.
func malformedJSON(err error) error {
	return newProblem(http.StatusBadRequest, "malformed JSON body: %v", err)
}

// withRow sets the row in which the error occurred.
func (p *Problem) withRow(n int) *Problem {
	p.Detail, p.Row = fmt.Sprintf("row %d: %s", n, p.Detail), &n
	return p
}

// withColumn sets the column that the error is about.
func (p *Problem) withColumn(name string) *Problem {
	p.Column = name
	return p
}

// withPointer sets the JSON pointer to the erroneous value.
func (p *Problem) withPointer(pointer string) *Problem {
	p.Detail, p.Pointer = pointer+": "+p.Detail, pointer
	return p
}

func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	header := w.Header()
	header["Content-Type"] = []string{"application/problem+json"}
	header["Cache-Control"] = []string{"no-store"}
	if p.retryAfter != "" {
		header["Retry-After"] = []string{p.retryAfter}
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // fails only if the client has disconnected
}
