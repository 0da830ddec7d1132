package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text) // writes to memory do not fail
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func sendWith(t *testing.T, method, url, body string, headers map[string]string) reply {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return do(t, r)
}

func TestGzipRequestBody(t *testing.T) {
	s, url := serving(t)
	compressed := map[string]string{"Content-Encoding": "gzip", "Content-Type": "application/json"}
	want := post(t, url+"/v1/predict", oneRow).body
	if r := sendWith(t, "POST", url+"/v1/predict", zipped(t, oneRow), compressed); r.status != 200 || r.body != want {
		t.Errorf("%+v", r)
	}
	s.settings.Body = 1 << 20
	bomb := zipped(t, strings.Repeat(" ", 64<<20))
	for name, c := range map[string]struct {
		body   string
		status int
		detail string
	}{
		"bomb":      {bomb, 413, "limit of 1048576 bytes"},
		"not gzip":  {oneRow, 400, "not valid gzip"},
		"truncated": {zipped(t, oneRow)[:20], 400, "incomplete"},
		"corrupt":   {zipped(t, oneRow)[:12] + "\xff\xff\xff\xff\xff\xff\xff\xff", 400, ""},
		"empty":     {"", 400, "incomplete"},
	} {
		if p := sendWith(t, "POST", url+"/v1/predict", c.body, compressed).problem(t); p.Status != c.status || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if r := sendWith(t, "POST", url+"/v1/predict", zipped(t, oneRow), compressed); r.status != 200 {
		t.Errorf("after errors: %+v", r)
	}
}

func TestGzipResponseBody(t *testing.T) {
	_, url := serving(t)
	many := `{"rows":[` + strings.Repeat(`{"colour":"red","x0":1},`, 999) + `{"colour":"red","x0":1}]}`
	want := post(t, url+"/v1/predict", many)
	if want.header.Get("Content-Encoding") != "" || want.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%+v", want.header)
	}
	for accept, compressed := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "*": true, "gzip;q=0": false, "*, gzip;q=0": false, "identity": false, "br": false,
	} {
		r := sendWith(t, "POST", url+"/v1/predict", many, map[string]string{"Accept-Encoding": accept})
		body := r.body
		if compressed {
			reader, err := gzip.NewReader(strings.NewReader(r.body))
			if err != nil {
				t.Fatalf("%s: %v", accept, err)
			}
			text, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			body = string(text)
		}
		if (r.header.Get("Content-Encoding") == "gzip") != compressed || body != want.body {
			t.Errorf("%s: %v", accept, r.header)
		}
	}
	if r := sendWith(t, "POST", url+"/v1/predict", oneRow, map[string]string{"Accept-Encoding": "gzip"}); r.header.Get("Content-Encoding") != "" {
		t.Error("a short response was compressed")
	}
}

func TestAcceptIsHonoured(t *testing.T) {
	_, url := serving(t)
	for accept, status := range map[string]int{
		"": 200, "*/*": 200, "application/json": 200, "application/*;q=0.1": 200, "text/html, */*;q=0.8": 200, "Application/JSON": 200,
		"text/csv": 406, "text/html": 406, "application/json;q=0": 406, "application/json;q=0, application/*": 200,
	} {
		if r := sendWith(t, "POST", url+"/v1/predict", oneRow, map[string]string{"Accept": accept}); r.status != status {
			t.Errorf("%s: %d", accept, r.status)
		}
	}
	for accept, status := range map[string]int{"text/csv": 200, "application/json": 406} {
		if r := sendWith(t, "POST", url+"/invocations", "red,1\n", map[string]string{"Accept": accept, "Content-Type": "text/csv"}); r.status != status {
			t.Errorf("CSV, %s: %d", accept, r.status)
		}
	}
}

func TestCORSOnlyForAllowedOrigins(t *testing.T) {
	s, url := serving(t)
	ask := func(method, origin string) reply {
		return sendWith(t, method, url+"/v1/predict", oneRow, map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST"})
	}
	if r := ask("POST", "https://shop.example"); r.header.Get("Access-Control-Allow-Origin") != "" || ask("OPTIONS", "https://shop.example").status != 405 {
		t.Errorf("without the setting: %+v", r)
	}
	s.settings.AllowedOrigins = []string{"https://shop.example"}
	if r := ask("POST", "https://shop.example"); r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != "https://shop.example" || r.header.Get("Vary") != "Origin" {
		t.Errorf("%+v", r)
	}
	if r := ask("OPTIONS", "https://shop.example"); r.status != 204 || r.header.Get("Access-Control-Allow-Methods") != "POST" || r.body != "" {
		t.Errorf("%+v", r)
	}
	if r := ask("OPTIONS", "https://other.example"); r.status != 405 || r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%+v", r)
	}
	s.settings.AllowedOrigins = []string{"*"}
	if r := ask("POST", "https://other.example"); r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%+v", r)
	}
}

// FuzzGzipBody checks that arbitrary compressed bodies give a documented response.
func FuzzGzipBody(f *testing.F) {
	f.Add([]byte(zipped(f, oneRow)))
	f.Add([]byte(zipped(f, fmt.Sprintf("%01000d", 7))))
	f.Add([]byte("\x1f\x8b"))
	s := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		p := newReplay("/v1/predict", string(body))
		p.request.Header.Set("Content-Encoding", "gzip")
		switch status := p.send(s); status {
		case 200, 400, 413, 422:
		default:
			t.Fatalf("status %d", status)
		}
	})
}
