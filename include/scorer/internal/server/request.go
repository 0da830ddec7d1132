package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"

	"leapline/scorer/internal/jsonscan"
)

// maxPooledBuffer is the largest buffer that stays in the pool, so that one large batch does not hold its memory
// forever.
const maxPooledBuffer = 256 << 10

// request is an HTTP request with its body, its response and scratch memory. Requests are pooled: scoring one row
// allocates nothing here.
type request struct {
	http        *http.Request
	body        []byte
	out         []byte   // the response's body, or what follows the chunks
	chunks      [][]byte // completed parts of a long response
	chunkBytes  int      // their size
	contentType []string // content type of the response
	lines       bool     // whether the body is JSON lines
	linesOut    bool     // whether the response is JSON lines
	scan        jsonscan.Scanner
	seen        []uint64 // per input column: the row that last set it
	row         uint64   // number of rows read, over all requests
	text        []byte   // strings of the current rows
	texts       []string // elements of the current list
	vector      []float64
	usage       usage
	state       int64 // bytes of the largest decoded session or block of rows
}

var requestPool = sync.Pool{New: func() any { return new(request) }}

func newRequest(r *http.Request) *request {
	req := requestPool.Get().(*request)
	req.http = r
	return req
}

// release returns the request to the pool and its memory to the budget.
func (req *request) release() {
	req.usage.release()
	if cap(req.body) > maxPooledBuffer || cap(req.out) > maxPooledBuffer {
		return
	}
	req.http, req.body, req.out, req.chunks, req.chunkBytes, req.state = nil, req.body[:0], req.out[:0], nil, 0, 0
	req.lines, req.linesOut = false, false
	req.scan.Reset(nil)
	requestPool.Put(req)
}

// readBody reads the body and decodes its content coding; at most limit bytes before and after decoding.
func (req *request) readBody(limit int64) error {
	if req.http.ContentLength > limit {
		return bodyTooLarge(limit)
	}
	body, done, err := req.decodeBody()
	if err != nil {
		return err
	}
	defer done()
	size := max(req.http.ContentLength, 0)
	if body != req.http.Body { // of unknown length
		size = 0
	}
	if err := req.usage.chargeBody(size); err != nil {
		return err
	}
	if int64(cap(req.body)) <= size {
		req.body = make([]byte, 0, size+1) // one byte more, so that EOF is read without growing
	}
	for {
		n, err := body.Read(req.body[len(req.body):cap(req.body)])
		req.body = req.body[:len(req.body)+n]
		switch {
		case int64(len(req.body)) > limit:
			return bodyTooLarge(limit)
		case err == io.EOF:
			return nil
		case err != nil:
			return bodyError(err)
		case len(req.body) == cap(req.body):
			if err := req.growBody(limit); err != nil {
				return err
			}
		}
	}
}

// bodyError returns the problem for an error while reading the body.
func bodyError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "timed out while reading the body")
	case isCorrupt(err):
		return newProblem(http.StatusBadRequest, "the body is not valid gzip")
	}
	return newProblem(http.StatusBadRequest, "the body is incomplete")
}

// growBody doubles the buffer for a body of unknown length. While it is copied both buffers exist.
func (req *request) growBody(limit int64) error {
	size := min(max(2*int64(cap(req.body)), 4<<10), limit+1)
	if err := req.usage.chargeBody(size + int64(cap(req.body))); err != nil {
		return err
	}
	req.body = append(make([]byte, 0, size), req.body...)
	return nil
}

// maxChunk is the size from which a part of the response is complete: appending to a long slice would copy it again and
// again.
const maxChunk = 256 << 10

// completeChunk starts a new chunk if the current one is long enough, and charges the memory of the response.
func (req *request) completeChunk() error {
	if len(req.out) >= maxChunk {
		req.chunks, req.chunkBytes = append(req.chunks, req.out), req.chunkBytes+len(req.out)
		req.out = make([]byte, 0, maxChunk+maxChunk/8)
	}
	return req.usage.chargeWork(int64(req.chunkBytes+cap(req.out)) + req.state)
}

// responseSize returns the number of bytes of the response so far.
func (req *request) responseSize() int { return req.chunkBytes + len(req.out) }

func (req *request) writeResponse(w io.Writer) {
	for _, chunk := range req.chunks {
		if _, err := w.Write(chunk); err != nil { // the client has disconnected
			return
		}
	}
	_, _ = w.Write(req.out) // fails only if the client has disconnected
}

func bodyTooLarge(limit int64) *Problem {
	return newProblem(http.StatusRequestEntityTooLarge, "the body exceeds the limit of %d bytes", limit)
}

// matchContentType returns the supported type that the request's content type names; the first if it names none.
func (req *request) matchContentType(supported []string) (string, error) {
	value := req.http.Header.Get("Content-Type")
	if value == "" || value == supported[0] {
		return supported[0], nil
	}
	mediaType, _, err := mime.ParseMediaType(value)
	if err == nil {
		for _, candidate := range supported {
			if mediaType == candidate {
				return candidate, nil
			}
		}
	}
	return "", newProblem(http.StatusUnsupportedMediaType, "content type %.100q is not supported, expected %s", content(value),
		strings.Join(supported, " or "))
}
