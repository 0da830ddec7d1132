// Package server answers the scorer's HTTP API: sessions and rows to score, MLeap's leap frames, health, metrics, and the
// paths that SageMaker asks for. One Server serves one model; it has no state but counters.
//
//	loading --Publish--> ready --Drain--> draining
//
// Probes (/readyz, /ping) say 503 outside "ready". Predictions do so while loading; while draining they are still given,
// since a request that got here before its connection closed is to be finished.
package server

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Limits on one request.
const (
	DefaultMaxBody = 16 << 20
	maxRows        = 100_000
	maxAnswer      = 64 << 20
	smallAnswer    = 2048 // net/http finds the length of an answer up to this itself
)

// invocationTypes are the content types of /invocations.
var invocationTypes = []string{"application/json", "text/csv"}

// mleapPath is the path of MLeap's Spring Boot server; the one model here answers to any name.
const mleapPath = "/models/{name}/transform"

// Server is an http.Handler. Make it with New, give it a model with Publish.
type Server struct {
	maxBody  int64
	maxRows  int
	log      *slog.Logger
	metrics  metrics
	routes   map[string]*route
	other    *routeMetrics
	model    atomic.Pointer[Model]
	draining atomic.Bool
}

// route is one path of the API.
type route struct {
	method  string
	accepts []string // content types of the body; none means that there is no body to read
	handle  func(s *Server, m *Model, x *exchange) error
	open    bool // answers without a model too (m is then nil)
	metrics *routeMetrics
}

var (
	jsonType  = []string{"application/json"}
	csvType   = []string{"text/csv"}
	plainType = []string{"text/plain; version=0.0.4; charset=utf-8"}
)

// New makes a server without a model.
func New(maxBody int64, log *slog.Logger) *Server {
	s := &Server{maxBody: maxBody, maxRows: maxRows, log: log, routes: map[string]*route{}}
	s.metrics.started = time.Now()
	s.add("/v1/score", &route{method: http.MethodPost, accepts: jsonType, handle: (*Server).score})
	s.add("/v1/predict", &route{method: http.MethodPost, accepts: jsonType, handle: (*Server).predict})
	s.add("/transform", &route{method: http.MethodPost, accepts: jsonType, handle: (*Server).transform})
	s.add("/models/transform", &route{method: http.MethodPost, accepts: jsonType, handle: (*Server).transformPacked})
	s.add(mleapPath, &route{method: http.MethodPost, accepts: jsonType, handle: (*Server).transform})
	s.add("/invocations", &route{method: http.MethodPost, accepts: invocationTypes, handle: (*Server).invoke})
	s.add("/v1/model", &route{method: http.MethodGet, handle: (*Server).describe})
	s.add("/openapi.json", &route{method: http.MethodGet, handle: (*Server).openAPI})
	s.add("/healthz", &route{method: http.MethodGet, handle: (*Server).alive, open: true})
	s.add("/readyz", &route{method: http.MethodGet, handle: (*Server).ready})
	s.add("/ping", &route{method: http.MethodGet, handle: (*Server).ready})
	s.add("/metrics", &route{method: http.MethodGet, handle: (*Server).exposeMetrics, open: true})
	s.other = s.metrics.route("other")
	return s
}

func (s *Server) add(path string, r *route) {
	r.metrics = s.metrics.route(path)
	s.routes[path] = r
}

// Publish makes a model serve.
func (s *Server) Publish(m *Model) { s.model.Store(m) }

// Drain ends readiness.
func (s *Server) Drain() { s.draining.Store(true) }

// ServeHTTP answers one request. A panic in a handler costs that request only.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Since(s.metrics.started) // half the price of time.Now, which reads two clocks
	s.metrics.inFlight.Add(1)
	at := s.find(r.URL.Path)
	counters := s.other
	if at != nil {
		counters = at.metrics
	}
	x := newExchange(r)
	status := s.answer(w, at, x)
	x.release()
	s.metrics.inFlight.Add(-1)
	counters.observe(status, time.Since(s.metrics.started)-start)
}

func (s *Server) find(path string) *route {
	if at := s.routes[path]; at != nil {
		return at
	}
	if rest, found := strings.CutPrefix(path, "/models/"); found {
		if name, found := strings.CutSuffix(rest, "/transform"); found && name != "" && !strings.Contains(name, "/") {
			return s.routes[mleapPath]
		}
	}
	return nil
}

// answer runs the handler and writes what came of it; it gives the status.
func (s *Server) answer(w http.ResponseWriter, at *route, x *exchange) int {
	err := s.run(at, x)
	if err == nil {
		header := w.Header()
		header["Content-Type"] = x.contentType
		if len(x.out) > smallAnswer {
			header["Content-Length"] = []string{strconv.Itoa(len(x.out))}
		}
		_, _ = w.Write(x.out) // a client that has gone away needs no answer
		return http.StatusOK
	}
	var p *Problem
	if !errors.As(err, &p) {
		p = problem(http.StatusInternalServerError, "%v", err)
	}
	if at != nil && p.Status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", at.allow())
	}
	p.write(w)
	return p.Status
}

// run calls the handler; a panic becomes an error.
func (s *Server) run(at *route, x *exchange) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.metrics.panics.Add(1)
			s.log.Error("panic", "path", x.request.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			err = problem(http.StatusInternalServerError, "the scorer failed on this request; its log says why")
		}
	}()
	m, err := s.admit(at, x.request)
	if err != nil {
		return err
	}
	if at.accepts != nil {
		if _, err := x.mediaType(at.accepts); err != nil {
			return err
		}
		if err := x.read(s.maxBody); err != nil {
			return err
		}
	}
	return at.handle(s, m, x)
}

// admit checks everything about a request but its body.
func (s *Server) admit(at *route, r *http.Request) (*Model, error) {
	if at == nil {
		return nil, problem(http.StatusNotFound, "there is no %.200s; /openapi.json says what there is", r.URL.Path)
	}
	if r.Method != at.method && !(r.Method == http.MethodHead && at.method == http.MethodGet) {
		return nil, problem(http.StatusMethodNotAllowed, "%.20s is not answered here, only %s", r.Method, at.allow())
	}
	if at.open {
		return s.model.Load(), nil
	}
	m := s.model.Load()
	if m == nil {
		return nil, problem(http.StatusServiceUnavailable, "the model is still being loaded")
	}
	return m, nil
}

func (r *route) allow() string {
	if r.method == http.MethodGet {
		return "GET, HEAD"
	}
	return r.method
}
