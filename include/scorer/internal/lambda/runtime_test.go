package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo returns the request in its response, so that tests see how an event was converted.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/large":
		_, _ = w.Write(bytes.Repeat([]byte("x"), maxPayload+1))
		return
	case "/slow":
		<-r.Context().Done()
		writeProblem(w, http.StatusServiceUnavailable, "request timed out")
		return
	case "/binary":
		_, _ = w.Write([]byte{0xff, 0xfe})
		return
	}
	if strings.Contains(string(body), "wrong") {
		writeProblem(w, http.StatusUnprocessableEntity, "row 3: column x0 must be a number")
		return
	}
	if strings.Contains(string(body), "sleep") {
		<-r.Context().Done()
		writeProblem(w, http.StatusServiceUnavailable, "request timed out")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "body": string(body),
		"type": r.Header.Get("Content-Type"), "trace": r.Header.Get("X-Amzn-Trace-Id"), "host": r.Host,
	})
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"status":%d,"detail":%q}`, status, detail)
	w.(interface{ SummarizeError(string) }).SummarizeError(detail)
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs a Runtime against a fake API; the returned function stops it and returns Run's error.
func start(t *testing.T) (*fakeAPI, func() error) {
	api := newFakeAPI(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(api.address(), http.HandlerFunc(echo), discardLog()).Run(ctx, 1) }()
	return api, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("the runtime did not stop")
		}
	}
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestDirectInvocationsSelectPath(t *testing.T) {
	api, stop := start(t)
	for event, path := range map[string]string{
		`{"rows":[{"x0":1}]}`:                        "/v1/predict",
		`{"row":{"requestContext":1,"body":2}}`:      "/v1/predict",
		`{"sessions":[]}`:                            "/v1/score",
		`{"features":true,"session":{"events":[]}}`:  "/v1/score",
		`{"schema":{"fields":[]},"rows":[]}`:         "/transform",
		`[1,2]`:                                      "/v1/predict",
		`{"body":3,"requestContext":"odd","rows":1}`: "/v1/predict",
	} {
		got := decode[map[string]string](t, api.invoke(event, time.Second).response)
		if got["path"] != path || got["body"] != event || got["method"] != "POST" || got["type"] != "application/json" {
			t.Errorf("%s became %v", event, got)
		}
		if !strings.HasPrefix(got["trace"], "Root=1-5bef4de7") {
			t.Errorf("no trace id: %v", got)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

const (
	httpV2 = `{"version":"2.0","routeKey":"$default","rawPath":"%s","rawQueryString":"a=1&b=2","cookies":["c=1"],
		"headers":{"content-type":"text/csv","host":"id.lambda-url.us-east-1.on.aws"},
		"requestContext":{"accountId":"anonymous","stage":"%s","http":{"method":"POST","path":"/x","sourceIp":"203.0.113.7"}},
		"body":"%s","isBase64Encoded":%t}`
	restV1 = `{"resource":"/{proxy+}","path":"/v1/predict","httpMethod":"POST","headers":{"content-type":"text/csv"},
		"multiValueHeaders":{"content-type":["text/csv"]},"queryStringParameters":null,
		"requestContext":{"stage":"prod","path":"/prod/v1/predict","httpMethod":"POST","identity":{}},
		"body":"MSwy","isBase64Encoded":true}`
	loadBalancer = `{"requestContext":{"elb":{"targetGroupArn":"arn:aws:elasticloadbalancing:x"}},"httpMethod":"GET",
		"path":"/healthz","queryStringParameters":{},"headers":{"host":"lb"},"body":"","isBase64Encoded":false}`
)

func TestHTTPEventsBecomeRequests(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	cases := []struct {
		name, event, path, query, body, method string
	}{
		{"function URL", fmt.Sprintf(httpV2, "/invocations", "$default", "1,2", false), "/invocations", "a=1&b=2", "1,2", "POST"},
		{"named stage", fmt.Sprintf(httpV2, "/prod/invocations", "prod", "1,2", false), "/invocations", "a=1&b=2", "1,2", "POST"},
		{"base64", fmt.Sprintf(httpV2, "/invocations", "$default", "MSwy", true), "/invocations", "a=1&b=2", "1,2", "POST"},
		{"REST API", restV1, "/v1/predict", "", "1,2", "POST"},
		{"load balancer", loadBalancer, "/healthz", "", "", "GET"},
	}
	for _, c := range cases {
		response := decode[httpResponse](t, api.invoke(c.event, time.Second).response)
		got := decode[map[string]string](t, response.Body)
		if response.StatusCode != 200 || got["path"] != c.path || got["query"] != c.query || got["body"] != c.body || got["method"] != c.method {
			t.Errorf("%s: %+v", c.name, response)
		}
		header := response.Headers["Content-Type"]
		if c.name == "REST API" {
			header = response.MultiValueHeaders["Content-Type"][0]
		}
		if header != "application/json" {
			t.Errorf("%s: headers %v %v", c.name, response.Headers, response.MultiValueHeaders)
		}
	}
}

func TestErrorsOfHTTPEventsAreResponses(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	response := decode[httpResponse](t, api.invoke(fmt.Sprintf(httpV2, "/x", "$default", "wrong", false), time.Second).response)
	if response.StatusCode != 422 || response.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("%+v", response)
	}
	response = decode[httpResponse](t, api.invoke(fmt.Sprintf(httpV2, "/binary", "$default", "", false), time.Second).response)
	if !response.IsBase64Encoded || response.Body != "//4=" {
		t.Errorf("%+v", response)
	}
	response = decode[httpResponse](t, api.invoke(fmt.Sprintf(httpV2, "/x", "$default", "?", true), time.Second).response)
	if response.StatusCode != 400 || response.Headers["Content-Type"] != "application/problem+json" || !strings.Contains(response.Body, "base64") {
		t.Errorf("invalid base64: %+v", response)
	}
}

func TestErrorsOfDirectInvocationsAreReported(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	result := api.invoke(`{"rows":"wrong"}`, time.Second)
	if result.errorType != "Function.UnprocessableEntity" || result.errorBody["errorType"] != result.errorType {
		t.Errorf("%+v", result)
	}
	if result.errorBody["errorMessage"] != "row 3: column x0 must be a number" || result.errorBody["stackTrace"] == nil {
		t.Errorf("%+v", result.errorBody)
	}
}

func TestTimeoutIsReportedBeforeDeadline(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	result := api.invoke(`{"rows":"sleep"}`, 500*time.Millisecond)
	if result.timedOut || result.errorType != "Function.Timeout" {
		t.Errorf("direct: %+v", result)
	}
	response := decode[httpResponse](t, api.invoke(fmt.Sprintf(httpV2, "/slow", "$default", "", false), 500*time.Millisecond).response)
	if response.StatusCode != 503 {
		t.Errorf("HTTP: %+v", response)
	}
	if got := api.invoke(`{"rows":[]}`, time.Second); got.response == "" {
		t.Errorf("the next invocation: %+v", got)
	}
}

func TestOversizedResponseIsReported(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	result := api.invoke(fmt.Sprintf(httpV2, "/large", "$default", "", false), 5*time.Second)
	if result.errorType != "Function.ResponseSizeTooLarge" || result.tooLarge {
		t.Errorf("%+v", result)
	}
}

func TestRejectedResponsesDoNotStopRuntime(t *testing.T) {
	api, stop := start(t)
	defer func() { _ = stop() }()
	late := api.queue(`{"rows":[]}`, 0) // already expired: the API no longer accepts its id (400)
	<-late.result
	runtime := New(api.address(), http.HandlerFunc(echo), discardLog())
	if err := runtime.send(context.Background(), "invocation/none/response", "", bytes.Repeat([]byte("x"), maxPayload+1000)); err != nil {
		t.Errorf("413: %v", err)
	}
	if got := api.invoke(`{"rows":[]}`, time.Second); got.response == "" {
		t.Errorf("the next invocation: %+v", got)
	}
}

func TestNonRecoverableStateStopsRuntime(t *testing.T) {
	api := newFakeAPI(t)
	api.broken = true
	err := New(api.address(), http.HandlerFunc(echo), discardLog()).Run(context.Background(), 2)
	if err == nil || !strings.Contains(err.Error(), "500") {
		t.Fatalf("got %v", err)
	}
	runtime := New(api.address(), http.HandlerFunc(echo), discardLog())
	if err := runtime.send(context.Background(), "invocation/x/response", "", nil); err == nil {
		t.Fatal("a status of 500 must stop the runtime")
	}
	api.server.Close()
	if err := runtime.Run(context.Background(), 1); err == nil {
		t.Fatal("an unreachable API must stop the runtime")
	}
}

func TestInitErrorIsReported(t *testing.T) {
	api := newFakeAPI(t)
	runtime := New(api.address(), http.HandlerFunc(echo), discardLog())
	if err := runtime.InitError(context.Background(), errors.New("model.zip: root/model.json is truncated")); err != nil {
		t.Fatal(err)
	}
	got := api.initError
	if got == nil || got.errorType != "Runtime.InitFailed" || got.errorBody["errorMessage"] != "model.zip: root/model.json is truncated" {
		t.Fatalf("%+v", got)
	}
}

func TestRunHandlesInvocationsConcurrently(t *testing.T) {
	const n = 4
	var arrived sync.WaitGroup
	arrived.Add(n)
	together := func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait() // never returns for one invocation at a time
		echo(w, r)
	}
	api := newFakeAPI(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(api.address(), http.HandlerFunc(together), discardLog()).Run(ctx, n) }()
	var calls []*fakeInvocation
	for range n {
		calls = append(calls, api.queue(`{"rows":[]}`, 10*time.Second))
	}
	for _, call := range calls {
		if result := <-call.result; result.response == "" {
			t.Errorf("%+v", result)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
