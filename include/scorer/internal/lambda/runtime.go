// Package lambda answers AWS Lambda's invocations with the scorer's HTTP handlers.
//
// It is a client of the Lambda Runtime API, version 2018-06-01
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html); docs/decisions/0024-lambda-runtime-client.md explains
// why it does not use an SDK:
//
//	start --> GET next --> (an event) --> handler --> POST response --> GET next ...
//	  |                                      '------> POST error -----> GET next ...
//	  '-----> POST init/error, exit 1
//
// A status of 500 from the API means that the environment is in a non-recoverable state: the process must exit.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const (
	apiVersion = "2018-06-01"
	// maxPayload is Lambda's limit on the size of a response, in bytes.
	maxPayload = 6 << 20
	// reportMargin is the part of an invocation's time that is reserved for reporting a timeout.
	reportMargin = 50 * time.Millisecond
)

// Runtime is a client of the Runtime API in one execution environment.
type Runtime struct {
	base    string
	client  *http.Client
	handler http.Handler
	log     *slog.Logger
}

// New returns a Runtime for the address in AWS_LAMBDA_RUNTIME_API.
func New(address string, handler http.Handler, log *slog.Logger) *Runtime {
	return &Runtime{
		base: "http://" + address + "/" + apiVersion + "/runtime/",
		// No timeout: "next" returns when there is an event, and the process may be frozen until then.
		client:  &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}},
		handler: handler,
		log:     log,
	}
}

// Run answers invocations, up to concurrency at once (more than one only on Lambda Managed Instances), until ctx is done or
// the API reports a non-recoverable state.
func (r *Runtime) Run(ctx context.Context, concurrency int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	for range concurrency {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				if err := r.handleNext(ctx); err != nil {
					cancel(err)
				}
			}
		}()
	}
	for range concurrency {
		<-done
	}
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return cause
	}
	return nil
}

// InitError reports that the scorer could not start; Lambda then shuts down the environment.
func (r *Runtime) InitError(ctx context.Context, cause error) error {
	return r.post(ctx, "init/error", failure{"Runtime.InitFailed", cause.Error()})
}

// invocation is one event with its metadata.
type invocation struct {
	id       string
	deadline time.Time
	traceID  string
	event    []byte
}

// failure is an error to report to the Runtime API.
type failure struct {
	kind    string
	message string
}

// handleNext waits for an event and answers it.
func (r *Runtime) handleNext(ctx context.Context) error {
	call, err := r.next(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while waiting
		}
		return err
	}
	response, failed := r.respond(ctx, call)
	path := "invocation/" + call.id
	if failed != nil {
		r.log.Warn("invocation failed", "request_id", call.id, "error_type", failed.kind) // the message may contain content
		return r.post(ctx, path+"/error", *failed)
	}
	return r.send(ctx, path+"/response", "", response)
}

// next waits for an event.
func (r *Runtime) next(ctx context.Context) (*invocation, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"invocation/next", nil)
	if err != nil {
		return nil, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("requesting the next event from Lambda: %w", err)
	}
	defer response.Body.Close()
	event, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading an event from Lambda: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("requesting the next event from Lambda: status %d", response.StatusCode)
	}
	call := &invocation{
		id:      response.Header.Get("Lambda-Runtime-Aws-Request-Id"),
		traceID: response.Header.Get("Lambda-Runtime-Trace-Id"),
		event:   event,
	}
	if call.id == "" {
		return nil, fmt.Errorf("the next event has no Lambda-Runtime-Aws-Request-Id header")
	}
	if ms, err := strconv.ParseInt(response.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64); err == nil {
		call.deadline = time.UnixMilli(ms)
	}
	return call, nil
}

// respond runs the handler on one event, within the event's deadline.
func (r *Runtime) respond(ctx context.Context, call *invocation) ([]byte, *failure) {
	ctx = context.WithoutCancel(ctx) // complete an event that was received before the stop
	if !call.deadline.IsZero() {
		limited, cancel := context.WithDeadline(ctx, call.deadline.Add(-reportMargin))
		defer cancel()
		ctx = limited
	}
	event := parseEvent(call.event)
	request, err := event.request(ctx)
	if err != nil {
		return event.badRequest(err)
	}
	if call.traceID != "" {
		request.Header.Set("X-Amzn-Trace-Id", call.traceID)
	}
	recorded := &recorder{header: http.Header{}, status: http.StatusOK}
	r.handler.ServeHTTP(recorded, request)
	response, failed := event.response(recorded)
	if failed != nil && ctx.Err() != nil {
		failed.kind = "Function.Timeout"
	}
	if failed == nil && len(response) > maxPayload {
		return nil, &failure{
			"Function.ResponseSizeTooLarge",
			fmt.Sprintf("the response has %d bytes, Lambda's limit is %d; send fewer rows per invocation", len(response), maxPayload),
		}
	}
	return response, failed
}

// post reports an error.
func (r *Runtime) post(ctx context.Context, path string, f failure) error {
	body, err := json.Marshal(map[string]any{"errorType": f.kind, "errorMessage": f.message, "stackTrace": []string{}})
	if err != nil {
		return err
	}
	return r.send(ctx, path, f.kind, body)
}

// send posts a response or an error. If the API rejects it, send logs that and returns nil, since only one invocation is
// affected; it returns an error if the environment is in a non-recoverable state.
func (r *Runtime) send(ctx context.Context, path, errorType string, body []byte) error {
	ctx = context.WithoutCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if errorType != "" {
		request.Header.Set("Lambda-Runtime-Function-Error-Type", errorType)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return fmt.Errorf("sending a response to Lambda: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4096)) // so that the connection can be reused
	switch {
	case response.StatusCode == http.StatusAccepted:
		return nil
	case response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("sending a response to Lambda at %s: status %d", path, response.StatusCode)
	}
	r.log.Error("Lambda rejected a response", "path", path, "status", response.StatusCode)
	return nil
}
