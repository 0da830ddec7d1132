package server

import (
	"net/http"
	"slices"
)

// setCORS sets the headers that let pages of an allowed origin read the response. It reports whether the request is a preflight
// request of such a page, which has no other response.
func (s *Server) setCORS(header http.Header, r *http.Request, at *route) (preflight bool) {
	origins := r.Header["Origin"]
	if len(s.settings.AllowedOrigins) == 0 || len(origins) != 1 {
		return false
	}
	any := slices.Contains(s.settings.AllowedOrigins, "*")
	if !any {
		header.Add("Vary", "Origin")
	}
	switch {
	case any:
		header.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(s.settings.AllowedOrigins, origins[0]):
		header.Set("Access-Control-Allow-Origin", origins[0])
	default:
		return false
	}
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || at == nil {
		header.Set("Access-Control-Expose-Headers", "X-Request-Id, Traceparent, Retry-After")
		return false
	}
	header.Set("Access-Control-Allow-Methods", at.allow())
	header.Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, X-Request-Id, Traceparent")
	header.Set("Access-Control-Max-Age", "600")
	return true
}
