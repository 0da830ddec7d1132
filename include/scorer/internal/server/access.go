package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Names of headers, in canonical form.
const (
	requestIDHeader   = "X-Request-Id"
	traceparentHeader = "Traceparent"
)

// maxRequestID is the maximum length of a request id.
const maxRequestID = 128

// echoIDs copies valid request ids and traceparents from the request to the response. Invalid ones are ignored.
func echoIDs(header http.Header, r *http.Request) {
	if values := r.Header[requestIDHeader]; len(values) == 1 && isRequestID(values[0]) {
		header[requestIDHeader] = values
	}
	if values := r.Header[traceparentHeader]; len(values) == 1 && isTraceparent(values[0]) {
		header[traceparentHeader] = values
	}
}

// ensureRequestID sets a random request id in the response if the request had none. It is called for responses that appear in
// a log or report an error.
func ensureRequestID(header http.Header) {
	if header[requestIDHeader] == nil {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails
		header[requestIDHeader] = []string{hex.EncodeToString(id[:])}
	}
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && !strings.Contains("-_.:/+=", string(c)) {
				return false
			}
		}
	}
	return true
}

// isTraceparent reports whether a value has the form of W3C Trace Context: version, trace id, parent id and flags.
func isTraceparent(value string) bool {
	const form = "00-00000000000000000000000000000000-0000000000000000-00"
	if len(value) < len(form) || (len(value) > len(form) && (value[:2] == "00" || value[len(form)] != '-')) || len(value) > 128 {
		return false
	}
	for i := range len(form) {
		c := value[i]
		if form[i] == '-' && c != '-' || form[i] == '0' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	for _, c := range value[len(form):] {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return value[:2] != "ff" && value[3:35] != form[3:35] && value[36:52] != form[36:52]
}

// logAccess writes a line of the access log. It contains no path, query, body, header or address of the client except for the
// request id and the trace id.
func (s *Server) logAccess(header http.Header, at *route, req *request, status int, failure string, took time.Duration) {
	method := "other"
	switch req.http.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		method = req.http.Method
	}
	attributes := []slog.Attr{
		slog.String("method", method), slog.String("route", at.name()), slog.Int("status", status),
		slog.Float64("duration_ms", milliseconds(took)), slog.Int("request_bytes", len(req.body)),
		slog.Int("response_bytes", req.responseSize()), slog.String("request_id", header.Get(requestIDHeader)),
	}
	if parent := header.Get(traceparentHeader); parent != "" {
		attributes = append(attributes, slog.String("trace_id", parent[3:35]))
	}
	if failure != "" {
		attributes = append(attributes, slog.String("error", failure))
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "request", attributes...)
}
