package server

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

const frameStart = `{"schema":{"fields":[{"name":"id","type":"long"},{"name":"x0","type":"double"},{"name":"colour","type":"string"}]},"rows":`

// leapFrame is a frame as decoded by a client of MLeap's servers.
type leapFrame struct {
	Schema struct {
		Fields []struct{ Name string }
	}
	Rows [][]json.RawMessage
}

func (f leapFrame) cell(t testing.TB, row int, name string) string {
	t.Helper()
	for i, field := range f.Schema.Fields {
		if field.Name == name {
			return string(f.Rows[row][i])
		}
	}
	t.Fatalf("no column %s in %+v", name, f.Schema)
	return ""
}

func parseFrame(t testing.TB, text string) leapFrame {
	t.Helper()
	var f leapFrame
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return f
}

func TestTransformAppendsColumns(t *testing.T) {
	_, url := serving(t)
	for _, path := range []string{"/transform", "/models/anything/transform"} {
		r := post(t, url+path, frameStart+`[[7,-1.5,"blue"],[8,2,null]]}`)
		if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %+v", path, r)
		}
		f := parseFrame(t, r.body)
		if f.cell(t, 0, "id") != "7" || f.cell(t, 1, "colour") != "null" || f.cell(t, 1, "colour_index") != "2.0" {
			t.Errorf("%s: %s", path, r.body)
		}
		var vector struct{ Values []float64 }
		if err := json.Unmarshal([]byte(f.cell(t, 0, "probability")), &vector); err != nil {
			t.Fatal(err)
		}
		if math.Abs(vector.Values[1]-probabilityOf(1, -1.5)) > 1e-15 {
			t.Errorf("%s: %v", path, vector)
		}
	}
}

func TestTransformRejectsInvalidFrames(t *testing.T) {
	_, url := serving(t)
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		``:                               {400, "malformed JSON body"},
		frameStart + `[[7,-1.5,"blue"`:   {400, "malformed JSON body"},
		`[]`:                             {422, "expected an object"},
		`{"rows":[]}`:                    {422, "schema"},
		frameStart + `[[7,-1.5]]}`:       {422, "row 0"},
		frameStart + `[[7,"a","blue"]]}`: {422, `"x0"`},
		`{"schema":{"fields":[{"name":"x0","type":"double"}]},"rows":[]}`: {422, `"colour"`},
	} {
		p := post(t, url+"/transform", body).problem(t)
		if p.Status != want.status || !strings.Contains(p.Detail, want.detail) {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

func packed(t testing.TB, frame, more string) string {
	t.Helper()
	return `{"modelName":"m","format":"ml.combust.mleap.json","frame":"` + base64.StdEncoding.EncodeToString([]byte(frame)) + `"` + more + `}`
}

func TestTransformPackedFrame(t *testing.T) {
	_, url := serving(t)
	frame := frameStart + `[[7,-1.5,"blue"]]}`
	transform := func(more string) (packedFrame, leapFrame) {
		r := post(t, url+"/models/transform", packed(t, frame, more))
		var p packedFrame
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != 200 {
			t.Fatalf("%v in %+v", err, r)
		}
		return p, parseFrame(t, string(p.Frame))
	}
	p, f := transform(`,"tag":"12345678901234567890"`)
	if string(p.Tag) != `"12345678901234567890"` || p.Format != jsonFormat || f.cell(t, 0, "prediction") != "1.0" {
		t.Errorf("%+v %+v", p, f)
	}
	_, f = transform(`,"options":{"select":["prediction","id"]}`)
	if len(f.Schema.Fields) != 2 || f.cell(t, 0, "prediction") != "1.0" || string(f.Rows[0][1]) != "7" {
		t.Errorf("selected: %+v", f)
	}
	_, f = transform(`,"options":{"select":["prediction","none"],"selectMode":"SELECT_MODE_RELAXED"}`)
	if len(f.Schema.Fields) != 1 {
		t.Errorf("relaxed: %+v", f)
	}
	for body, status := range map[string]int{
		packed(t, frame, `,"options":{"select":["none"]}`): 422,
		packed(t, "{", ""): 400,
		`{"format":"ml.combust.mleap.binary","frame":""}`: 422,
		`{"format":"ml.combust.mleap.json","frame":"?"}`:  400,
		`[]`: 400,
	} {
		if p := post(t, url+"/models/transform", body).problem(t); p.Status != status {
			t.Errorf("%s: %+v", body, p)
		}
	}
}
