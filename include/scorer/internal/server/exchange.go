package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"sync"

	"leapline/scorer/internal/jsonscan"
)

// keptBuffer is the largest buffer that an exchange keeps for the next request: one batch of thousands of rows must not
// hold its memory for ever.
const keptBuffer = 256 << 10

// exchange is one request and its answer; exchanges are pooled, so that a request of one row allocates nothing here.
type exchange struct {
	request     *http.Request
	body        []byte
	out         []byte
	contentType []string
	scan        jsonscan.Scanner
	seen        []uint64 // per input column: the last row that gave it
	row         uint64   // counts rows, also over requests
	text        []byte   // texts of one row
	vector      []float64
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

func newExchange(r *http.Request) *exchange {
	x := exchanges.Get().(*exchange)
	x.request = r
	return x
}

func (x *exchange) release() {
	if cap(x.body) > keptBuffer || cap(x.out) > keptBuffer {
		return
	}
	x.request, x.body, x.out = nil, x.body[:0], x.out[:0]
	x.scan.Reset(nil)
	exchanges.Put(x)
}

// read takes the request's body, up to limit bytes.
func (x *exchange) read(limit int64) error {
	if coding := x.request.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return problem(http.StatusUnsupportedMediaType, "content coding %q is not supported, send the body as it is", coding)
	}
	if x.request.ContentLength > limit {
		return tooLarge(limit)
	}
	if n := int(x.request.ContentLength); cap(x.body) <= n {
		x.body = make([]byte, 0, n+1) // one more, so that the end is seen without growing
	}
	for {
		n, err := x.request.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case int64(len(x.body)) > limit:
			return tooLarge(limit)
		case err == io.EOF:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return problem(http.StatusRequestTimeout, "the body did not arrive in time")
		case err != nil:
			return problem(http.StatusBadRequest, "the body ended early")
		case len(x.body) == cap(x.body):
			x.body = append(x.body, 0)[:len(x.body)]
		}
	}
}

func tooLarge(limit int64) *Problem {
	return problem(http.StatusRequestEntityTooLarge, "the body has more than %d bytes, the most that is taken", limit)
}

// mediaType gives the request's content type if it is among those accepted; none given means the first.
func (x *exchange) mediaType(accepted []string) (string, error) {
	given := x.request.Header.Get("Content-Type")
	if given == "" || given == accepted[0] {
		return accepted[0], nil
	}
	kind, _, err := mime.ParseMediaType(given)
	if err == nil {
		for _, known := range accepted {
			if kind == known {
				return known, nil
			}
		}
	}
	return "", problem(http.StatusUnsupportedMediaType, "content type %.100q is not supported, expected %s", given, orList(accepted))
}

func orList(words []string) string {
	text := words[0]
	for _, word := range words[1:] {
		text += " or " + word
	}
	return text
}
