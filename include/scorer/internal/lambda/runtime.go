// Package lambda answers AWS Lambda's invocations with the scorer's HTTP handlers.
//
// It speaks the Lambda Runtime API, version 2018-06-01 (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html):
//
//	start --> GET next --> (an event) --> handler --> POST response --> GET next ...
//	  |                                      '------> POST error -----> GET next ...
//	  '-----> POST init/error, exit 1
//
// An answer of 500 from the API means that the environment is broken: the process is to exit.
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
	// maxPayload is the most that Lambda takes as one answer.
	maxPayload = 6 << 20
	// reportTime is left of an invocation's time to report that it was too short.
	reportTime = 50 * time.Millisecond
)

// Runtime is the Runtime API of one execution environment.
type Runtime struct {
	base    string
	client  *http.Client
	handler http.Handler
	log     *slog.Logger
}

// New makes a Runtime for the address in AWS_LAMBDA_RUNTIME_API.
func New(address string, handler http.Handler, log *slog.Logger) *Runtime {
	return &Runtime{
		base: "http://" + address + "/" + apiVersion + "/runtime/",
		// No time limit: the answer to "next" comes when there is an event, and the process may be frozen meanwhile.
		client:  &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}},
		handler: handler,
		log:     log,
	}
}

// Run answers invocations, up to concurrency at once (more than one only on Lambda Managed Instances), until ctx ends
// or the API says that the environment is broken.
func (r *Runtime) Run(ctx context.Context, concurrency int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	for range concurrency {
		go func() {
			defer func() { done <- struct{}{} }()
			for ctx.Err() == nil {
				if err := r.once(ctx); err != nil {
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

// InitError reports that the scorer could not start; Lambda then ends this environment.
func (r *Runtime) InitError(ctx context.Context, cause error) error {
	return r.post(ctx, "init/error", failure{"Runtime.InitFailed", cause.Error()})
}

// invocation is one event with what the API says about it.
type invocation struct {
	id       string
	deadline time.Time
	traceID  string
	event    []byte
}

// failure is an error as the Runtime API wants it.
type failure struct {
	kind    string
	message string
}

func (r *Runtime) once(ctx context.Context) error {
	call, err := r.next(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while waiting
		}
		return err
	}
	answer, failed := r.answer(ctx, call)
	path := "invocation/" + call.id
	if failed != nil {
		r.log.Warn("invocation failed", "request_id", call.id, "error_type", failed.kind, "error", failed.message)
		return r.post(ctx, path+"/error", *failed)
	}
	return r.send(ctx, path+"/response", "", answer)
}

// next waits for an event.
func (r *Runtime) next(ctx context.Context) (*invocation, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"invocation/next", nil)
	if err != nil {
		return nil, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking Lambda for an event: %w", err)
	}
	defer response.Body.Close()
	event, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading an event from Lambda: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking Lambda for an event: status %d", response.StatusCode)
	}
	call := &invocation{
		id:      response.Header.Get("Lambda-Runtime-Aws-Request-Id"),
		traceID: response.Header.Get("Lambda-Runtime-Trace-Id"),
		event:   event,
	}
	if call.id == "" {
		return nil, fmt.Errorf("lambda's event has no Lambda-Runtime-Aws-Request-Id")
	}
	if ms, err := strconv.ParseInt(response.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64); err == nil {
		call.deadline = time.UnixMilli(ms)
	}
	return call, nil
}

// answer runs the handler on one event, within its time.
func (r *Runtime) answer(ctx context.Context, call *invocation) ([]byte, *failure) {
	ctx = context.WithoutCancel(ctx) // an event taken is answered, also when told to stop
	if !call.deadline.IsZero() {
		limited, cancel := context.WithDeadline(ctx, call.deadline.Add(-reportTime))
		defer cancel()
		ctx = limited
	}
	event := parseEvent(call.event)
	request, err := event.request(ctx)
	if err != nil {
		return nil, &failure{"Function.BadEvent", err.Error()}
	}
	if call.traceID != "" {
		request.Header.Set("X-Amzn-Trace-Id", call.traceID)
	}
	recorded := &recorder{header: http.Header{}, status: http.StatusOK}
	r.handler.ServeHTTP(recorded, request)
	answer, failed := event.answer(recorded)
	if failed != nil && ctx.Err() != nil {
		failed.kind = "Function.Timeout"
	}
	if failed == nil && len(answer) > maxPayload {
		return nil, &failure{
			"Function.ResponseSizeTooLarge",
			fmt.Sprintf("the answer has %d bytes, Lambda takes %d: send fewer rows at once", len(answer), maxPayload),
		}
	}
	return answer, failed
}

// post reports an error.
func (r *Runtime) post(ctx context.Context, path string, f failure) error {
	body, err := json.Marshal(map[string]any{"errorType": f.kind, "errorMessage": f.message, "stackTrace": []string{}})
	if err != nil {
		return err
	}
	return r.send(ctx, path, f.kind, body)
}

// send posts an answer or an error. What the API refuses of one invocation is logged and done with; a broken
// environment is an error.
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
		return fmt.Errorf("answering Lambda: %w", err)
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 4096)) // only to be logged
	switch {
	case response.StatusCode == http.StatusAccepted:
		return nil
	case response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("answering Lambda at %s: status %d: %s", path, response.StatusCode, said)
	}
	r.log.Error("lambda refused an answer", "path", path, "status", response.StatusCode, "said", string(said))
	return nil
}
