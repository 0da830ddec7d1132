// Package server implements the scorer's HTTP API: scoring of sessions and rows, MLeap's leap frames, health checks,
// metrics, and SageMaker's paths. One Server serves one model; its only state is counters.
//
//	loading --Publish--> ready --Drain--> draining
//
// The readiness probes (/readyz, /ping) answer 503 unless the state is "ready". Scoring answers 503 while loading; it
// continues while draining, because a request that arrived before its connection closed has to be finished.
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Limits on one request.
const (
	maxRows       = 100_000
	maxResponse   = 64 << 20
	smallResponse = 2048 // net/http sets the Content-Length of responses up to this size
)

// invocationTypes are the content types of /invocations.
var invocationTypes = []string{"application/json", "text/csv", lineTypes[0], lineTypes[1]}

// rowTypes are the content types of /v1/score and /v1/predict.
var rowTypes = []string{"application/json", lineTypes[0], lineTypes[1]}

// mleapPath is the path of MLeap's Spring Boot server. The model answers to any name.
const mleapPath = "/models/{name}/transform"

// Server is an http.Handler. Create it with New and give it a model with Publish.
type Server struct {
	settings  Settings
	budget    *budget
	maxRows   int
	log       *slog.Logger
	metrics   metrics
	routes    map[string]*route
	unmatched *routeMetrics // requests to unknown paths
	model     atomic.Pointer[Model]
	draining  atomic.Bool
}

// Settings configures a Server.
type Settings struct {
	Limits
	AccessLog      bool     // whether to log each request
	AllowedOrigins []string // origins whose pages may read responses (CORS); "*" means all
}

// route is one path of the API.
type route struct {
	path         string
	method       string
	contentTypes []string // accepted types of the body; nil if the route has no body
	handle       func(s *Server, m *Model, req *request) error
	withoutModel bool // available before a model is published; m is then nil
	metrics      *routeMetrics
}

// Content types of responses, as values of a header.
var (
	jsonType  = []string{"application/json"}
	csvType   = []string{"text/csv"}
	plainType = []string{"text/plain; version=0.0.4; charset=utf-8"}
)

// New returns a server without a model.
func New(settings Settings, log *slog.Logger) *Server {
	s := &Server{settings: settings, maxRows: maxRows, log: log, routes: map[string]*route{}}
	s.budget = newBudget(requestMemory(settings.Memory, expectedBase))
	s.metrics.started = time.Now()
	s.add("/v1/score", &route{method: http.MethodPost, contentTypes: rowTypes, handle: (*Server).score})
	s.add("/v1/predict", &route{method: http.MethodPost, contentTypes: rowTypes, handle: (*Server).predict})
	s.add("/transform", &route{method: http.MethodPost, contentTypes: jsonType, handle: (*Server).transform})
	s.add("/models/transform", &route{method: http.MethodPost, contentTypes: jsonType, handle: (*Server).transformPacked})
	s.add(mleapPath, &route{method: http.MethodPost, contentTypes: jsonType, handle: (*Server).transform})
	s.add("/invocations", &route{method: http.MethodPost, contentTypes: invocationTypes, handle: (*Server).invoke})
	s.add("/v1/model", &route{method: http.MethodGet, handle: (*Server).describeModel})
	s.add("/openapi.json", &route{method: http.MethodGet, handle: (*Server).openAPI})
	s.add("/healthz", &route{method: http.MethodGet, handle: (*Server).liveness, withoutModel: true})
	s.add("/readyz", &route{method: http.MethodGet, handle: (*Server).readiness})
	s.add("/ping", &route{method: http.MethodGet, handle: (*Server).readiness})
	s.add("/metrics", &route{method: http.MethodGet, handle: (*Server).exposeMetrics, withoutModel: true})
	s.unmatched = s.metrics.route("other")
	return s
}

func (s *Server) add(path string, r *route) {
	r.path, r.metrics = path, s.metrics.route(path)
	s.routes[path] = r
}

// Publish makes m the model that serves.
func (s *Server) Publish(m *Model) { s.model.Store(m) }

// Drain ends readiness.
func (s *Server) Drain() { s.draining.Store(true) }

// ServeHTTP answers one request. A panic in a handler fails only that request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Since(s.metrics.started) // half the cost of time.Now, which reads two clocks
	s.metrics.inFlight.Add(1)
	at := s.match(r.URL.Path)
	counters := s.unmatched
	if at != nil {
		counters = at.metrics
	}
	req := newRequest(r)
	req.usage.budget = s.budget
	header := w.Header()
	echoIDs(header, r)
	if s.settings.AccessLog {
		ensureRequestID(header)
	}
	status, failure := s.respond(w, at, req)
	took := time.Since(s.metrics.started) - start
	if s.settings.AccessLog {
		s.logAccess(header, at, req, status, failure, took)
	}
	req.release()
	s.metrics.inFlight.Add(-1)
	counters.observe(status, took)
}

// match returns the route of a path, or nil.
func (s *Server) match(path string) *route {
	if at := s.routes[path]; at != nil {
		return at
	}
	if rest, ok := strings.CutPrefix(path, "/models/"); ok {
		if name, ok := strings.CutSuffix(rest, "/transform"); ok && name != "" && !strings.Contains(name, "/") {
			return s.routes[mleapPath]
		}
	}
	return nil
}

// respond runs the route's handler and writes the response. It returns the status and, for an error, its summary.
func (s *Server) respond(w http.ResponseWriter, at *route, req *request) (status int, failure string) {
	if s.setCORS(w.Header(), req.http, at) {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent, ""
	}
	err := s.run(at, req)
	if err == nil {
		header := w.Header()
		header["Content-Type"] = req.contentType
		if req.compressResponse(w) {
			return http.StatusOK, ""
		}
		if size := req.responseSize(); size > smallResponse {
			header["Content-Length"] = []string{strconv.Itoa(size)}
		}
		req.writeResponse(w)
		return http.StatusOK, ""
	}
	var p *Problem
	if !errors.As(err, &p) {
		p = newProblem(http.StatusInternalServerError, "%v", err)
	}
	if at != nil && p.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", at.allow())
	}
	ensureRequestID(w.Header())
	p.write(w)
	return p.Status, p.summary
}

// run reads the body and calls the handler. It turns a panic into an error.
func (s *Server) run(at *route, req *request) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.metrics.panics.Add(1)
			s.log.Error("panic", "route", at.name(), "cause", panicCause(cause), "stack", string(debug.Stack()))
			err = newProblem(http.StatusInternalServerError, "internal error; see the scorer's log")
		}
	}()
	m, err := s.checkRequest(at, req.http)
	if err != nil {
		return err
	}
	if at.contentTypes != nil {
		contentType, err := req.matchContentType(at.contentTypes)
		if err != nil {
			return err
		}
		if err := req.negotiate(at, contentType); err != nil {
			return err
		}
		if err := req.readBody(s.settings.Body); err != nil {
			return err
		}
		if req.usage.isLarge() {
			if err := req.usage.acquireSlot(req.http.Context().Done()); err != nil {
				return err
			}
			defer req.usage.releaseSlot()
		}
	}
	return at.handle(s, m, req)
}

// checkRequest checks path, method and readiness, and returns the model.
func (s *Server) checkRequest(at *route, r *http.Request) (*Model, error) {
	if at == nil {
		return nil, newProblem(http.StatusNotFound, "unknown path %.200s; see /openapi.json", content(r.URL.Path))
	}
	if r.Method != at.method && !(r.Method == http.MethodHead && at.method == http.MethodGet) {
		return nil, newProblem(http.StatusMethodNotAllowed, "method %.20s not allowed; use %s", content(r.Method), at.allow())
	}
	m := s.model.Load()
	if m == nil && !at.withoutModel {
		return nil, newProblem(http.StatusServiceUnavailable, "the model is still loading")
	}
	return m, nil
}

// panicCause describes the value of a panic without content of the request, which an arbitrary error could contain.
func panicCause(cause any) string {
	switch cause := cause.(type) {
	case runtime.Error:
		return cause.Error()
	case string:
		return cause
	}
	return fmt.Sprintf("%T", cause)
}

// name returns the route's path for logs, without anything from the request's own path.
func (r *route) name() string {
	if r == nil {
		return "other"
	}
	return r.path
}

// allow returns the value of the Allow header.
func (r *route) allow() string {
	if r.method == http.MethodGet {
		return "GET, HEAD"
	}
	return r.method
}
