package server

import (
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestInvocationsScoreCSV(t *testing.T) {
	_, url := serving(t)
	r := send(t, "POST", url+"/invocations", "text/csv", "blue,-1.5\r\n\"a \"\"quoted\"\", one\",2e0\n,0\n")
	if r.status != 200 || r.header.Get("Content-Type") != "text/csv" {
		t.Fatalf("%+v", r)
	}
	lines, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v in %q", err, r.body)
	}
	for i, p := range []float64{probabilityOf(1, -1.5), probabilityOf(2, 2), probabilityOf(2, 0)} {
		// rawPrediction (2), probability (2), prediction, buy, segment
		if len(lines[i]) != 7 {
			t.Fatalf("%q", lines[i])
		}
		got, err := strconv.ParseFloat(lines[i][3], 64)
		if err != nil || math.Abs(got-p) > 1e-15 {
			t.Errorf("line %d: %q, expected %v", i, lines[i], p)
		}
		if lines[i][6] != "buy" && lines[i][6] != "defer" {
			t.Errorf("line %d: %q", i, lines[i])
		}
	}
}

func TestInvocationsScoreJSONRows(t *testing.T) {
	_, url := serving(t)
	body := `{"rows":[{"colour":"blue","x0":-1.5}]}`
	if a, b := post(t, url+"/invocations", body), post(t, url+"/v1/predict", body); a.body != b.body || a.status != 200 {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestInvocationsRejectInvalidCSV(t *testing.T) {
	_, url := serving(t)
	for body, want := range map[string]struct {
		status int
		column string
	}{
		"red,1\nred\n":       {422, ""},
		"red,1,2\n":          {422, ""},
		"red,\n":             {422, "x0"},
		"red,one\n":          {422, "x0"},
		"red,NaN\n":          {422, "x0"},
		"red,0x1p3\n":        {422, "x0"},
		"red,1_000\n":        {422, "x0"},
		"red,1e999\n":        {422, "x0"},
		"red,+1\n":           {422, "x0"},
		"red,.5\n":           {422, "x0"},
		"red,01\n":           {422, "x0"},
		"red,1\n\nblue,1\n":  {400, ""},
		"\nred,1\n":          {400, ""},
		"red,1\r\n\r\n":      {400, ""},
		"colour,x0\nred,1\n": {422, "x0"},
		"\"red,1\n":          {400, ""},
		"red\"x,1\nblue,1\n": {400, ""},
	} {
		p := send(t, "POST", url+"/invocations", "text/csv; charset=utf-8", body).problem(t)
		if p.Status != want.status || p.Column != want.column || p.Row == nil {
			t.Errorf("%q: %+v", body, p)
		}
	}
	if p := send(t, "POST", url+"/invocations", "application/x-recordio-protobuf", "x").problem(t); p.Status != 415 {
		t.Errorf("%+v", p)
	}
	if r := send(t, "POST", url+"/invocations", "text/csv", ""); r.status != 200 || r.body != "" {
		t.Errorf("empty body: %+v", r)
	}
}

func TestInvocationsRejectByteOrderMarkAndInvalidUTF8(t *testing.T) {
	_, url := serving(t)
	for body, detail := range map[string]string{"\ufeffred,1\n": "byte-order mark", "r\xe9d,1\n": "not valid UTF-8"} {
		if p := send(t, "POST", url+"/invocations", "text/csv", body).problem(t); p.Status != 400 || !strings.Contains(p.Detail, detail) {
			t.Errorf("%q: %+v", body, p)
		}
		if p := post(t, url+"/v1/predict", strings.Replace(body, "red", `{"rows":[]}`, 1)).problem(t); p.Status != 400 {
			t.Errorf("JSON %q: %+v", body, p)
		}
	}
}
