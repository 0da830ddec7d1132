package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serving starts a real server on loopback with the test model.
func serving(t testing.TB) (*Server, string) {
	t.Helper()
	return servingBundle(t, buyBundle(t))
}

func servingBundle(t testing.TB, path string) (*Server, string) {
	t.Helper()
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Settings{Limits: DefaultLimits()}, slog.New(slog.DiscardHandler))
	s.Publish(m)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) problem(t testing.TB) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("not a problem: %+v", r)
	}
	if p.Status != r.status || p.Title != http.StatusText(r.status) || p.Type != "about:blank" || p.Detail == "" {
		t.Fatalf("inconsistent problem: %+v", p)
	}
	return p
}

func send(t testing.TB, method, url, contentType, body string) reply {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return do(t, request)
}

// plainClient does not accept gzip by itself, so that tests see the response as it was sent.
var plainClient = &http.Client{Transport: &http.Transport{DisableCompression: true}}

func do(t testing.TB, request *http.Request) reply {
	t.Helper()
	response, err := plainClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

func post(t testing.TB, url, body string) reply {
	t.Helper()
	return send(t, http.MethodPost, url, "application/json", body)
}

func get(t testing.TB, url string) reply {
	t.Helper()
	return send(t, http.MethodGet, url, "", "")
}

// prediction is a response of /v1/predict.
type prediction struct {
	Model string
	Rows  []struct {
		Prediction    float64
		Probability   []float64
		RawPrediction []float64
		Buy           *float64
		Segment       string
	}
}

func predicted(t testing.TB, r reply) prediction {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%+v", r)
	}
	var a prediction
	decoder := json.NewDecoder(strings.NewReader(r.body))
	if err := decoder.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

// probabilityOf returns the probability expected from the test model.
func probabilityOf(colour, x0 float64) float64 {
	return 1 / (1 + math.Exp(-(0.5*colour - 1.25*x0 + 0.25)))
}

func TestPredictRows(t *testing.T) {
	s, url := serving(t)
	a := predicted(t, post(t, url+"/v1/predict", `{"rows":[{"colour":"blue","x0":-1.5},{"x0":2,"colour":null}, {"colour":"unseen" ,"x0":0 }]}`))
	if a.Model != s.model.Load().ID || !strings.HasPrefix(a.Model, "2026-03-01-") || len(a.Model) != 11+12 {
		t.Errorf("model %q", a.Model)
	}
	want := []float64{probabilityOf(1, -1.5), probabilityOf(2, 2), probabilityOf(2, 0)}
	if len(a.Rows) != len(want) {
		t.Fatalf("%d rows", len(a.Rows))
	}
	for i, p := range want {
		row := a.Rows[i]
		buy := 0.5 * p / (0.5*p + 1 - p)
		segment := map[bool]string{true: "buy", false: "defer"}[buy >= 0.3]
		if math.Abs(row.Probability[1]-p) > 1e-15 || math.Abs(*row.Buy-buy) > 1e-15 || row.Segment != segment {
			t.Errorf("row %d: %+v, expected %v %v %v", i, row, p, buy, segment)
		}
		if (row.Prediction == 1) != (p > 0.5) || len(row.RawPrediction) != 2 {
			t.Errorf("row %d: %+v", i, row)
		}
	}
}

func TestPredictOneRow(t *testing.T) {
	_, url := serving(t)
	a := predicted(t, post(t, url+"/v1/predict", `{"row":{"colour":"red","x0":1}}`))
	if len(a.Rows) != 1 || math.Abs(a.Rows[0].Probability[1]-probabilityOf(0, 1)) > 1e-15 {
		t.Errorf("%+v", a)
	}
	if a := predicted(t, post(t, url+"/v1/predict", `{"rows":[]}`)); a.Rows == nil || len(a.Rows) != 0 {
		t.Errorf("no rows: %+v", a)
	}
}

func TestLongResponseHasContentLength(t *testing.T) {
	_, url := serving(t)
	r := post(t, url+"/v1/predict", `{"rows":[`+strings.Repeat(`{"colour":"red","x0":1},`, 99)+`{"colour":"red","x0":1}]}`)
	if r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) || len(predicted(t, r).Rows) != 100 {
		t.Errorf("%d bytes, %v", len(r.body), r.header)
	}
}

func TestPredictColumns(t *testing.T) {
	_, url := serving(t)
	for body, want := range map[string]string{
		`{"columns":["prediction"],"row":{"colour":"red","x0":1}}`:                `[{"prediction":0.0,"buy":`,
		`{"row":{"colour":"red","x0":1},"columns":["features","prediction"]}`:     `[{"features":[0.0,1.0],"prediction":0.0,"buy":`,
		`{"rows":[{"colour":"red","x0":1}],"columns":["colour_index"]}`:           `[{"colour_index":0.0,"buy":`,
		`{"columns":["probability","colour_index"],"row":{"x0":0,"colour":null}}`: `[{"probability":[0.2`,
	} {
		r := post(t, url+"/v1/predict", body)
		if _, rows, _ := strings.Cut(r.body, `"rows":`); r.status != 200 || !strings.HasPrefix(rows, want) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

func TestPredictAcceptsOnlyValidJSON(t *testing.T) {
	_, url := serving(t)
	a := predicted(t, post(t, url+"/v1/predict", "\n{ \"ro\\u0077s\" : [ { \"c\\u006flour\" : \"bl\\u0075e\" , \"x0\" : -15e-1 } ] }\r\n"))
	if math.Abs(a.Rows[0].Probability[1]-probabilityOf(1, -1.5)) > 1e-15 {
		t.Errorf("%+v", a)
	}
}

func TestPredictRejectsInvalidRequests(t *testing.T) {
	_, url := serving(t)
	good := `{"colour":"red","x0":1}`
	for _, c := range []struct {
		body   string
		status int
		row    int
		column string
		detail string
	}{
		{``, 400, -1, "", "unexpected end of input"},
		{`{"rows":[` + good, 400, -1, "", "unexpected end of input"},
		{`{"rows":[` + good + `]} x`, 400, -1, "", "expected end of input"},
		{"\ufeff" + `{"rows":[` + good + `]}`, 400, -1, "", "byte 0: found a byte-order mark, expected an object"},
		{`{"rows":[` + good + `,]}`, 400, -1, "", "an element"},
		{`{"rows":[{"colour":"red","x0":01}]}`, 400, -1, "", "number"},
		{`{"rows":[{"colour":"red","x0":NaN}]}`, 400, -1, "", ""},
		{"{\"rows\":[{\"colour\":\"\xff\",\"x0\":1}]}", 400, -1, "", "UTF-8"},
		{`[]`, 400, -1, "", "an object"},
		{`{}`, 400, -1, "", `"rows" is missing`},
		{`{"rows":{}}`, 400, -1, "", `"rows" must be an array`},
		{`{"rows":[],"row":{}}`, 400, -1, "", `exactly one of "rows" and "row"`},
		{`{"rows":[],"colums":[]}`, 400, -1, "", `"colums"`},
		{`{"rows":[],"columns":[]}`, 400, -1, "", `"columns" must be`},
		{`{"rows":[],"columns":"prediction"}`, 400, -1, "", `"columns" must be`},
		{`{"rows":[],"columns":["prediction","prediction"]}`, 400, -1, "", "distinct"},
		{`{"rows":[],"columns":["nothing"]}`, 422, -1, "", `"nothing"; its outputs are colour_index`},
		{`{"rows":[` + good + `,7]}`, 422, 1, "", "expected an object"},
		{`{"row":null}`, 422, 0, "", "expected an object"},
		{`{"rows":[{"colour":"red"}]}`, 422, 0, "x0", `"x0" is missing`},
		{`{"rows":[{}]}`, 422, 0, "colour", `"colour" is missing`},
		{`{"rows":[` + good + `,{"colour":"red","x0":1,"x9":1}]}`, 422, 1, "x9", `unknown input column "x9"`},
		{`{"rows":[{"colour":"red","x0":1,"x0":2}]}`, 422, 0, "x0", "is duplicated"},
		{`{"rows":[{"colour":"red","x0":"1"}]}`, 422, 0, "x0", `"x0" must be a number, found "1"`},
		{`{"rows":[{"colour":"red","x0":null}]}`, 422, 0, "x0", "found null"},
		{`{"rows":[{"colour":"red","x0":true}]}`, 422, 0, "x0", "found true"},
		{`{"rows":[{"colour":1,"x0":1}]}`, 422, 0, "colour", "must be a string"},
		{`{"rows":[{"colour":["red"],"x0":1}]}`, 422, 0, "colour", "must be a string"},
		{`{"rows":[{"colour":"red","x0":1e999}]}`, 422, 0, "x0", "out of range for a double"},
	} {
		p := post(t, url+"/v1/predict", c.body).problem(t)
		row := -1
		if p.Row != nil {
			row = *p.Row
		}
		if p.Status != c.status || row != c.row || p.Column != c.column || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %+v row %d, expected %+v", c.body, p, row, c)
		}
	}
	if a := predicted(t, post(t, url+"/v1/predict", `{"rows":[`+good+`]}`)); len(a.Rows) != 1 {
		t.Error("the server failed after rejected requests")
	}
}

func TestRequestLimits(t *testing.T) {
	s, url := serving(t)
	s.maxRows, s.settings.Body = 3, 400
	row := `{"colour":"red","x0":1}`
	if r := post(t, url+"/v1/predict", `{"rows":[`+strings.Repeat(row+",", 2)+row+`]}`); r.status != 200 {
		t.Errorf("three rows: %+v", r)
	}
	p := post(t, url+"/v1/predict", `{"rows":[`+strings.Repeat(row+",", 3)+row+`]}`).problem(t)
	if p.Status != 413 || !strings.Contains(p.Detail, "too many rows (max 3)") {
		t.Errorf("four rows: %+v", p)
	}
	frame := `{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x0","type":"double"}]},"rows":[["red",1],["red",1],["red",1],["red",1]]}`
	if p := post(t, url+"/transform", frame).problem(t); p.Status != 413 {
		t.Errorf("a frame of four rows: %+v", p)
	}
	if p := send(t, "POST", url+"/invocations", "text/csv", "red,1\nred,1\nred,1\nred,1\n").problem(t); p.Status != 413 {
		t.Errorf("four lines: %+v", p)
	}
	long := `{"rows":[` + row + `]}` + strings.Repeat(" ", 400)
	if p := post(t, url+"/v1/predict", long).problem(t); p.Status != 413 || !strings.Contains(p.Detail, "limit of 400 bytes") {
		t.Errorf("too many bytes: %+v", p)
	}
	chunked, err := http.NewRequest("POST", url+"/v1/predict", io.MultiReader(strings.NewReader(long)))
	if err != nil {
		t.Fatal(err)
	}
	if p := do(t, chunked).problem(t); p.Status != 413 {
		t.Errorf("too many bytes in chunks: %+v", p)
	}
	chunked, err = http.NewRequest("POST", url+"/v1/predict", io.MultiReader(strings.NewReader(`{"rows":[`+row+`]}`)))
	if err != nil {
		t.Fatal(err)
	}
	if r := do(t, chunked); r.status != 200 {
		t.Errorf("a body in chunks: %+v", r)
	}
}

func TestHTTPProtocol(t *testing.T) {
	_, url := serving(t)
	if p := get(t, url+"/nothing").problem(t); p.Status != 404 {
		t.Errorf("%+v", p)
	}
	if p := get(t, url+"/models//transform").problem(t); p.Status != 404 {
		t.Errorf("%+v", p)
	}
	r := get(t, url+"/v1/predict")
	if p := r.problem(t); p.Status != 405 || r.header.Get("Allow") != "POST" {
		t.Errorf("%+v", r)
	}
	r = post(t, url+"/healthz", "{}")
	if p := r.problem(t); p.Status != 405 || r.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%+v", r)
	}
	if r := send(t, "HEAD", url+"/readyz", "", ""); r.status != 200 || r.body != "" {
		t.Errorf("%+v", r)
	}
	for _, kind := range []string{"text/csv", "application/x-www-form-urlencoded", "application/json;", ";;"} {
		if r := send(t, "POST", url+"/v1/predict", kind, `{"rows":[]}`); r.status != 415 && kind != "application/json;" {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	for _, kind := range []string{"", "application/json", "application/json; charset=UTF-8", "Application/JSON"} {
		if r := send(t, "POST", url+"/v1/predict", kind, `{"rows":[]}`); r.status != 200 {
			t.Errorf("%s: %+v", kind, r)
		}
	}
	request, err := http.NewRequest("POST", url+"/v1/predict", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Encoding", "br")
	if p := do(t, request).problem(t); p.Status != 415 {
		t.Errorf("%+v", p)
	}
}

func TestReadinessStates(t *testing.T) {
	s := New(Settings{Limits: DefaultLimits()}, slog.New(slog.DiscardHandler))
	web := httptest.NewServer(s)
	defer web.Close()
	for _, path := range []string{"/readyz", "/ping", "/v1/model", "/openapi.json"} {
		if p := get(t, web.URL+path).problem(t); p.Status != 503 {
			t.Errorf("%s while loading: %+v", path, p)
		}
	}
	if p := post(t, web.URL+"/v1/predict", `{"rows":[]}`).problem(t); p.Status != 503 {
		t.Errorf("predict while loading: %+v", p)
	}
	if r := get(t, web.URL+"/healthz"); r.status != 200 {
		t.Errorf("healthz while loading: %+v", r)
	}
	if r := get(t, web.URL+"/metrics"); r.status != 200 || !strings.Contains(r.body, "scorer_ready 0") {
		t.Errorf("metrics while loading: %+v", r)
	}
	m, err := Load(buyBundle(t))
	if err != nil {
		t.Fatal(err)
	}
	s.Publish(m)
	want := fmt.Sprintf(`{"status":"ready","model":%q}`, m.ID)
	for _, path := range []string{"/readyz", "/ping"} {
		if r := get(t, web.URL+path); r.status != 200 || strings.TrimSpace(r.body) != want {
			t.Errorf("%s: %+v", path, r)
		}
	}
	s.Drain()
	if p := get(t, web.URL+"/readyz").problem(t); p.Status != 503 {
		t.Errorf("while draining: %+v", p)
	}
	if r := post(t, web.URL+"/v1/predict", `{"rows":[]}`); r.status != 200 {
		t.Errorf("a request while draining: %+v", r)
	}
}

func TestPanicFailsOneRequest(t *testing.T) {
	var log bytes.Buffer
	s, url := serving(t)
	s.log = slog.New(slog.NewJSONHandler(&log, nil))
	s.routes["/v1/model"].handle = func(*Server, *Model, *request) error { panic("internal detail") }
	p := get(t, url+"/v1/model").problem(t)
	if p.Status != 500 || strings.Contains(p.Detail, "internal detail") {
		t.Errorf("%+v", p)
	}
	if r := get(t, url+"/metrics"); !strings.Contains(r.body, "scorer_panics_total 1\n") {
		t.Error("the panic was not counted")
	}
	if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 1 || !strings.Contains(lines[0], "internal detail") {
		t.Errorf("log: %s", log.String())
	}
}

func TestModelDescription(t *testing.T) {
	s, url := serving(t)
	var got struct {
		Model    string
		Bundle   map[string]string
		Inputs   []struct{ Name string }
		Outputs  []struct{ Name string }
		Default  []string `json:"default_columns"`
		Manifest map[string]any
	}
	if err := json.Unmarshal([]byte(get(t, url+"/v1/model").body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Model != s.model.Load().ID || got.Bundle["name"] != "buy" || got.Manifest["data_day"] != "2026-03-01" {
		t.Errorf("%+v", got)
	}
	if len(got.Inputs) != 2 || got.Inputs[0].Name != "colour" || len(got.Outputs) != 5 || len(got.Default) != 3 {
		t.Errorf("%+v", got)
	}
	if !strings.HasPrefix(got.Bundle["sha256"], got.Model[11:]) {
		t.Errorf("id %s of %s", got.Model, got.Bundle["sha256"])
	}
}

func TestPredictWithoutManifest(t *testing.T) {
	s, url := servingBundle(t, buyBundleWith(t, map[string]string{manifestEntry: ""}))
	if id := s.model.Load().ID; len(id) != 12 {
		t.Errorf("id %q", id)
	}
	if r := post(t, url+"/v1/predict", `{"row":{"colour":"red","x0":1}}`); r.status != 200 || strings.Contains(r.body, "buy") {
		t.Errorf("%+v", r)
	}
}
