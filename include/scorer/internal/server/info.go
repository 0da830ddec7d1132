package server

import (
	"net/http"

	"leapline/scorer/internal/jsonscan"
)

// alive says that the process answers, with or without a model.
func (s *Server) alive(_ *Model, x *exchange) error {
	x.contentType = jsonType
	x.out = append(x.out, `{"status":"alive"}`+"\n"...)
	return nil
}

// ready names the model; without one the request never gets here.
func (s *Server) ready(m *Model, x *exchange) error {
	if s.draining.Load() {
		return problem(http.StatusServiceUnavailable, "the scorer is shutting down")
	}
	x.contentType = jsonType
	x.out = append(x.out, `{"status":"ready","model":`...)
	x.out = append(jsonscan.AppendString(x.out, m.ID), "}\n"...)
	return nil
}

// describe gives the model's schema and its manifest as it is in the archive.
func (s *Server) describe(m *Model, x *exchange) error {
	x.contentType = jsonType
	x.out = append(x.out, m.description...)
	return nil
}

func (s *Server) openAPI(m *Model, x *exchange) error {
	x.contentType = jsonType
	x.out = append(x.out, m.openAPI...)
	return nil
}

func (s *Server) exposeMetrics(m *Model, x *exchange) error {
	x.contentType = plainType
	x.out = append(x.out, s.metrics.text(m, m != nil && !s.draining.Load())...)
	return nil
}
