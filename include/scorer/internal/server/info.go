package server

import (
	"net/http"

	"leapline/scorer/internal/jsonscan"
)

// liveness answers GET /healthz, with or without a model.
func (s *Server) liveness(_ *Model, req *request) error {
	req.contentType = jsonType
	req.out = append(req.out, `{"status":"alive"}`+"\n"...)
	return nil
}

// readiness answers GET /readyz and GET /ping with the model's id.
func (s *Server) readiness(m *Model, req *request) error {
	if s.draining.Load() {
		return newProblem(http.StatusServiceUnavailable, "the scorer is shutting down")
	}
	req.contentType = jsonType
	req.out = append(req.out, `{"status":"ready","model":`...)
	req.out = append(jsonscan.AppendString(req.out, m.ID), "}\n"...)
	return nil
}

// describeModel answers GET /v1/model.
func (s *Server) describeModel(m *Model, req *request) error {
	req.contentType = jsonType
	req.out = append(req.out, m.description...)
	return nil
}

// openAPI answers GET /openapi.json.
func (s *Server) openAPI(m *Model, req *request) error {
	req.contentType = jsonType
	req.out = append(req.out, m.openAPI...)
	return nil
}

// exposeMetrics answers GET /metrics.
func (s *Server) exposeMetrics(m *Model, req *request) error {
	req.contentType = plainType
	req.out = append(req.out, s.metrics.text(m, m != nil && !s.draining.Load(), s.budget)...)
	return nil
}
