package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// event is the payload of an invocation, in one of three forms:
//
//   - an HTTP request in payload format 2.0 (API Gateway's HTTP APIs, function URLs),
//   - an HTTP request in payload format 1.0 (API Gateway's REST APIs, Application Load Balancers),
//   - anything else: a direct invocation, whose payload is the body itself.
type event struct {
	Version           string              `json:"version"`
	RawPath           string              `json:"rawPath"`
	RawQueryString    string              `json:"rawQueryString"`
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
	RequestContext    *struct {
		Stage string `json:"stage"`
		HTTP  struct {
			Method string `json:"method"`
		} `json:"http"`
	} `json:"requestContext"`
	Schema   json.RawMessage `json:"schema"`
	Sessions json.RawMessage `json:"sessions"`
	Session  json.RawMessage `json:"session"`

	direct []byte // the whole event, when it is a direct invocation
}

// parseEvent parses an event. It never fails: a payload that is not an HTTP event is a direct invocation, whose body the
// handler validates.
func parseEvent(raw []byte) *event {
	e := new(event)
	err := json.Unmarshal(raw, e)
	if err != nil || e.RequestContext == nil || e.method() == "" {
		e.direct = raw
	}
	return e
}

// method returns the HTTP event's method, "" for a direct invocation.
func (e *event) method() string {
	if e.Version == "2.0" {
		return e.RequestContext.HTTP.Method
	}
	return e.HTTPMethod
}

// request returns the HTTP request that the event describes.
func (e *event) request(ctx context.Context) (*http.Request, error) {
	if e.direct != nil {
		path := "/v1/predict"
		switch {
		case len(e.Schema) > 0: // required in a leap frame, not allowed with rows
			path = "/transform"
		case len(e.Sessions) > 0 || len(e.Session) > 0:
			path = "/v1/score"
		}
		header := http.Header{"Content-Type": {"application/json"}}
		return newRequest(ctx, http.MethodPost, &url.URL{Path: path}, header, e.direct), nil
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return nil, fmt.Errorf("the event's body is not base64: %w", err)
		}
		body = decoded
	}
	header := http.Header{}
	for name, value := range e.Headers {
		header.Set(name, value)
	}
	for name, values := range e.MultiValueHeaders {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return newRequest(ctx, e.method(), &url.URL{Path: e.path(), RawQuery: e.RawQueryString}, header, body), nil
}

// path returns the request's path without the stage's name, which format 2.0 puts before it.
func (e *event) path() string {
	if e.Version != "2.0" {
		return e.Path
	}
	if rest, ok := strings.CutPrefix(e.RawPath, "/"+e.RequestContext.Stage+"/"); ok {
		return "/" + rest
	}
	return e.RawPath
}

func newRequest(ctx context.Context, method string, at *url.URL, header http.Header, body []byte) *http.Request {
	request := &http.Request{
		Method: method, URL: at, Header: header, Host: header.Get("Host"), ContentLength: int64(len(body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: nopCloser{bytes.NewReader(body)},
	}
	return request.WithContext(ctx)
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// httpResponse is an HTTP response in the format of API Gateway, function URLs and load balancers.
type httpResponse struct {
	StatusCode        int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// response converts the handler's response to the event's format: an HTTP response, or for a direct invocation the body
// alone, with an error for a status of 400 and above.
func (e *event) response(r *recorder) ([]byte, *failure) {
	if e.direct == nil {
		body, err := json.Marshal(e.httpResponse(r))
		if err != nil {
			return nil, &failure{"Function.InvalidResponse", err.Error()}
		}
		return body, nil
	}
	if r.status < http.StatusBadRequest {
		return r.body.Bytes(), nil
	}
	kind := strings.ReplaceAll(http.StatusText(r.status), " ", "")
	if r.summary == "" {
		r.summary = http.StatusText(r.status)
	}
	return nil, &failure{"Function." + kind, r.summary}
}

// badRequest returns a response with status 400 to an HTTP event that is not a valid request.
func (e *event) badRequest(cause error) ([]byte, *failure) {
	r := &recorder{header: http.Header{"Content-Type": {"application/problem+json"}}, status: http.StatusBadRequest}
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": http.StatusText(r.status), "status": r.status, "detail": cause.Error(),
	})
	if err != nil {
		return nil, &failure{"Function.InvalidResponse", err.Error()}
	}
	r.body.Write(body)
	return e.response(r)
}

func (e *event) httpResponse(r *recorder) httpResponse {
	response := httpResponse{StatusCode: r.status, Body: r.body.String()}
	if !utf8.Valid(r.body.Bytes()) {
		response.Body, response.IsBase64Encoded = base64.StdEncoding.EncodeToString(r.body.Bytes()), true
	}
	if e.MultiValueHeaders != nil {
		response.MultiValueHeaders = r.header
		return response
	}
	response.Headers = map[string]string{}
	for name, values := range r.header {
		response.Headers[name] = strings.Join(values, ", ")
	}
	return response
}

// recorder is a response writer that records a handler's response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
	wrote  bool

	summary string // summary of an error without content of the request, because Lambda may log it
}

// SummarizeError implements server.ErrorSummarizer.
func (r *recorder) SummarizeError(summary string) { r.summary = summary }

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.body.Write(b)
}
