package server

import (
	"encoding/json"
	"fmt"
	"io"
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

	summary    string // Detail without content of the request, for logs
	retryAfter string // value of the header Retry-After, in seconds; "" for none
}

// content is text that may come from a request. Problems contain it in Detail, which goes to the client, but never in the
// summary, which may be logged.
type content string

// redacted replaces content in summaries.
const redacted = "[redacted]"

// ErrorSummarizer is implemented by response writers that want to log errors. The summary describes the error without content
// of the request.
type ErrorSummarizer interface{ SummarizeError(summary string) }

// Error returns the problem's detail.
func (p *Problem) Error() string {
	return p.Detail
}

// newProblem returns a problem. Arguments of type content and errors do not appear in its summary.
func newProblem(status int, format string, args ...any) *Problem {
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
	p.summary = p.Detail
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg.(type) {
		case content, error:
			safe[i] = redactedText{}
		default:
			safe[i] = arg
		}
	}
	if len(args) > 0 {
		p.summary = fmt.Sprintf(format, safe...)
	}
	return p
}

// redactedText formats as redacted with any verb.
type redactedText struct{}

// Format implements fmt.Formatter.
func (redactedText) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// malformedJSON returns the problem for a body that is not JSON of the expected structure.
func malformedJSON(err error) error {
	return newProblem(http.StatusBadRequest, "malformed JSON body: %v", err)
}

// withRow sets the row in which the error occurred.
func (p *Problem) withRow(n int) *Problem {
	p.Row = &n
	return p.prefix(fmt.Sprintf("row %d: ", n))
}

// withColumn sets the column that the error is about.
func (p *Problem) withColumn(name string) *Problem {
	p.Column = name
	return p
}

// withPointer sets the JSON pointer to the erroneous value.
func (p *Problem) withPointer(pointer string) *Problem {
	p.Pointer = pointer
	return p.prefix(pointer + ": ")
}

// prefix adds the place of the error, which contains nothing of the request's content.
func (p *Problem) prefix(place string) *Problem {
	p.Detail, p.summary = place+p.Detail, place+p.summary
	return p
}

func (p *Problem) write(w http.ResponseWriter) {
	if s, ok := w.(ErrorSummarizer); ok {
		s.SummarizeError(p.summary)
	}
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
