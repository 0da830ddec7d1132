package lambda

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeAPI implements the Runtime API as AWS documents it (version 2018-06-01): it returns queued events, enforces their
// deadlines, rejects invalid requests with the API's own bodies, and records responses and errors.
type fakeAPI struct {
	t      *testing.T
	server *httptest.Server
	events chan *fakeInvocation

	mu        sync.Mutex
	open      map[string]*fakeInvocation
	polled    bool // whether "next" was requested: init errors are rejected from then on
	initError *fakeResult
	broken    bool // answer everything with 500
}

// fakeInvocation is one event and its result.
type fakeInvocation struct {
	id       string
	event    string
	timeout  time.Duration
	deadline time.Time
	result   chan fakeResult
}

type fakeResult struct {
	response  string // from .../response
	errorType string // value of the header Lambda-Runtime-Function-Error-Type
	errorBody map[string]any
	timedOut  bool
	tooLarge  bool
}

func newFakeAPI(t *testing.T) *fakeAPI {
	api := &fakeAPI{t: t, events: make(chan *fakeInvocation, 100), open: map[string]*fakeInvocation{}}
	api.server = httptest.NewServer(api)
	t.Cleanup(func() {
		api.server.CloseClientConnections()
		api.server.Close()
	})
	return api
}

func (a *fakeAPI) address() string { return strings.TrimPrefix(a.server.URL, "http://") }

// invoke queues an event and waits for its result.
func (a *fakeAPI) invoke(event string, timeout time.Duration) fakeResult {
	a.t.Helper()
	call := a.queue(event, timeout)
	select {
	case result := <-call.result:
		return result
	case <-time.After(20 * time.Second):
		a.t.Fatal("the runtime did not answer")
		return fakeResult{}
	}
}

var fakeIDs struct {
	sync.Mutex
	n int
}

func (a *fakeAPI) queue(event string, timeout time.Duration) *fakeInvocation {
	fakeIDs.Lock()
	fakeIDs.n++
	id := fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", fakeIDs.n)
	fakeIDs.Unlock()
	call := &fakeInvocation{id: id, event: event, timeout: timeout, result: make(chan fakeResult, 1)}
	a.events <- call
	return call
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/2018-06-01/runtime/")
	if !ok {
		a.t.Errorf("unknown path %s", r.URL.Path)
		http.NotFound(w, r)
		return
	}
	a.mu.Lock()
	broken := a.broken
	a.mu.Unlock()
	if broken {
		reject(w, http.StatusInternalServerError, "InternalServerError", "Container error. Non-recoverable state.")
		return
	}
	parts := strings.Split(path, "/")
	switch {
	case r.Method == http.MethodGet && path == "invocation/next":
		a.next(w, r)
	case r.Method == http.MethodPost && path == "init/error":
		a.takeInitError(w, r)
	case r.Method == http.MethodPost && len(parts) == 3 && parts[0] == "invocation" && parts[2] == "response":
		a.takeResponse(w, r, parts[1])
	case r.Method == http.MethodPost && len(parts) == 3 && parts[0] == "invocation" && parts[2] == "error":
		a.takeError(w, r, parts[1])
	default:
		a.t.Errorf("%s %s is not part of the API", r.Method, path)
		http.NotFound(w, r)
	}
}

func (a *fakeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.polled = true
	a.mu.Unlock()
	var call *fakeInvocation
	select {
	case call = <-a.events:
	case <-r.Context().Done():
		return
	}
	call.deadline = time.Now().Add(call.timeout)
	a.mu.Lock()
	a.open[call.id] = call
	a.mu.Unlock()
	time.AfterFunc(call.timeout, func() { a.finish(call.id, fakeResult{timedOut: true}) })
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Lambda-Runtime-Aws-Request-Id", call.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(call.deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-2:123456789012:function:scorer")
	header.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1")
	_, _ = io.WriteString(w, call.event)
}

// finish completes an open invocation and reports whether there was one with that id.
func (a *fakeAPI) finish(id string, result fakeResult) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	call, ok := a.open[id]
	if ok {
		delete(a.open, id)
		call.result <- result
	}
	return ok
}

func (a *fakeAPI) takeResponse(w http.ResponseWriter, r *http.Request, id string) {
	body, _ := io.ReadAll(r.Body)
	if len(body) > 6*1024*1024+100 {
		a.finish(id, fakeResult{tooLarge: true})
		reject(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
		return
	}
	a.acknowledge(w, a.finish(id, fakeResult{response: string(body)}))
}

func (a *fakeAPI) takeError(w http.ResponseWriter, r *http.Request, id string) {
	result := a.readError(r)
	a.acknowledge(w, a.finish(id, result))
}

func (a *fakeAPI) takeInitError(w http.ResponseWriter, r *http.Request) {
	result := a.readError(r)
	a.mu.Lock()
	polled := a.polled
	a.initError = &result
	a.mu.Unlock()
	if polled {
		reject(w, http.StatusForbidden, "InvalidStateTransition", "State transition from Ready to InitError failed")
		return
	}
	a.acknowledge(w, true)
}

func (a *fakeAPI) readError(r *http.Request) fakeResult {
	result := fakeResult{errorType: r.Header.Get("Lambda-Runtime-Function-Error-Type")}
	if err := json.NewDecoder(r.Body).Decode(&result.errorBody); err != nil {
		a.t.Errorf("the error's body: %v", err)
	}
	return result
}

func (a *fakeAPI) acknowledge(w http.ResponseWriter, valid bool) {
	if !valid {
		reject(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func reject(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}
