package server

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
)

// oneSession is a request for the test model. The model's features are n_events, x0 (the sum of the prices of item views,
// -1.5 if there are none) and colour (the device); a logistic regression on x0 and colour computes the probability.
const oneSession = `{"sessions":[{"session":"a1","device":"blue","events":[{"ts":"2026-03-14T09:26:53.589Z","kind":"page_view","page":"home"}]}]}`

// buyOf returns the calibrated probability expected for a session with these features.
func buyOf(x0, colour float64) float64 {
	p := probabilityOf(colour, x0)
	return 0.5 * p / (0.5*p + 1 - p) // the manifest's calibration
}

type scored struct {
	Model    string
	Sessions []struct {
		Session    json.RawMessage
		EventsSeen int `json:"events_seen"`
		Buy        *float64
		Segment    string
		Features   map[string]any
		Reason     string
	}
}

func score(t *testing.T, url, body string) scored {
	t.Helper()
	r := post(t, url+"/v1/score", body)
	var got scored
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
		t.Fatalf("%v %d %s", err, r.status, r.body)
	}
	return got
}

func TestScoreSession(t *testing.T) {
	_, url := serving(t)
	got := score(t, url, oneSession)
	one := got.Sessions[0]
	if got.Model == "" || len(got.Sessions) != 1 || string(one.Session) != `"a1"` || one.EventsSeen != 1 || one.Features != nil {
		t.Errorf("%+v", got)
	}
	if want := buyOf(-1.5, 1); math.Abs(*one.Buy-want) > 1e-15 || one.Segment != "buy" {
		t.Errorf("%v %s, expected %v", *one.Buy, one.Segment, want)
	}
	if again := score(t, url, strings.Replace(oneSession, `"sessions":[`, `"session":`, 1)[:len(oneSession)-4]+"}"); *again.Sessions[0].Buy != *one.Buy {
		t.Errorf("%+v", again)
	}
}

func TestScoreManySessions(t *testing.T) {
	_, url := serving(t)
	got := score(t, url, `{"features":true,"items":false,"sessions":[
		{"session":7,"device":null,"referrer":"search","session_index":2,"events":[
			{"ts":1773480413589,"kind":"item_view","page":"item","item":"i1","category":"c1","price":2,"quantity":null,"event_id":"b"},
			{"ts":1773480413588,"kind":"riddle","page":"moon","item":null,"price":100,"quantity":3.0}]},
		{"session":"e","events":[]},
		{"events":[{"ts":"2026-03-14 09:26:54","kind":"item_view","price":9},{"ts":"2026-03-14 09:26:53","kind":"checkout"}]},
		{"session":"\u00e9","events":[{"ts":1773480413001,"kind":"item_view","price":1},{"ts":1773480413002,"kind":"purchase"},{"ts":1773480413000,"kind":"item_view","price":0.5}]}]}`)
	first, empty, gone, cut := got.Sessions[0], got.Sessions[1], got.Sessions[2], got.Sessions[3]
	if string(first.Session) != "7" || first.Features["x0"] != 2.0 || first.Features["colour"] != "" || first.Features["n_events"] != 2.0 {
		t.Errorf("%+v", first)
	}
	if want := buyOf(2, 2); math.Abs(*first.Buy-want) > 1e-15 || first.Segment != "defer" { // "" is a colour of its own
		t.Errorf("%v, expected %v", *first.Buy, want)
	}
	if empty.Buy != nil || empty.Segment != "" || empty.Reason != noEvents || string(empty.Session) != `"e"` {
		t.Errorf("%+v", empty)
	}
	if gone.Buy != nil || gone.Reason != noEventsBeforeCheckout || gone.Session != nil {
		t.Errorf("%+v", gone)
	}
	if cut.EventsSeen != 2 || cut.Features["x0"] != 1.5 || string(cut.Session) != `"\u00e9"` {
		t.Errorf("%+v", cut)
	}
}

func TestScoreRejectsInvalidRequests(t *testing.T) {
	_, url := serving(t)
	event := func(members string) string {
		return `{"sessions":[{"events":[]},{"events":[{"ts":1773480413001,"kind":"search"},{` + members + `}]}]}`
	}
	for body, want := range map[string]struct {
		status          int
		pointer, detail string
	}{
		``:                             {400, "", "malformed JSON body"},
		`[]`:                           {400, "", "malformed JSON body"},
		`{}`:                           {400, "", `"sessions" is missing`},
		`{"sessions":[]} x`:            {400, "", "expected end of input"},
		`{"sessions":{}}`:              {400, "/sessions", "must be an array"},
		`{"sessions":[],"session":{}}`: {400, "", `exactly one of "sessions" and "session"`},
		`{"sessions":[],"columns":[]}`: {400, "", `unknown member "columns"`},
		`{"sessions":[],"features":1}`: {400, "/features", "must be true or false"},
		`{"sessions":[],"items":true,"items":true}`:                       {400, "/items", "is duplicated"},
		`{"sessions":[],"items":true}`:                                    {422, "/items", "no item model"},
		`{"sessions":[1]}`:                                                {422, "/sessions/0", "must be an object, found 1"},
		`{"session":[]}`:                                                  {422, "/session", "must be an object"},
		`{"sessions":[{}]}`:                                               {422, "/sessions/0/events", "is missing"},
		`{"sessions":[{"events":{}}]}`:                                    {422, "/sessions/0/events", "must be an array of events"},
		`{"sessions":[{"events":[],"visitor":"v"}]}`:                      {422, "/sessions/0", `unknown member "visitor", expected session, device`},
		`{"sessions":[{"events":[],"session":null}]}`:                     {422, "/sessions/0/session", "must be a string or a number"},
		`{"sessions":[{"events":[],"device":1}]}`:                         {422, "/sessions/0/device", "must be a string or null"},
		`{"sessions":[{"events":[],"session_index":1.5}]}`:                {422, "/sessions/0/session_index", "whole number of 32 bits, found 1.5"},
		`{"sessions":[{"events":[],"events":[]}]}`:                        {422, "/sessions/0/events", "is duplicated"},
		event(`"kind":"search"`):                                          {422, "/sessions/1/events/1/ts", "is missing"},
		event(`"ts":1773480413001`):                                       {422, "/sessions/1/events/1/kind", "is missing"},
		event(`"ts":1773480413001,"kind":null`):                           {422, "/sessions/1/events/1/kind", "must be a string, found null"},
		event(`"ts":"yesterday","kind":"search"`):                         {422, "/sessions/1/events/1/ts", `ISO 8601 time, such as 2026-03-14T09:26:53.589Z, or whole milliseconds since 1970 (UTC), not seconds, found "yesterday"`},
		event(`"ts":1773480413,"kind":"search"`):                          {422, "/sessions/1/events/1/ts", "not seconds, found 1773480413"},
		event(`"ts":-1,"kind":"search"`):                                  {422, "/sessions/1/events/1/ts", "found -1"},
		event(`"ts":1773480413000000,"kind":"search"`):                    {422, "/sessions/1/events/1/ts", "found 1773480413000000"},
		event(`"ts":1.5,"kind":"search"`):                                 {422, "/sessions/1/events/1/ts", "found 1.5"},
		event(`"ts":null,"kind":"search"`):                                {422, "/sessions/1/events/1/ts", "found null"},
		event(`"ts":1773480413001,"kind":"search","price":"9"`):           {422, "/sessions/1/events/1/price", `must be a number or null, found "9"`},
		event(`"ts":1773480413001,"kind":"search","price":1e999`):         {422, "/sessions/1/events/1/price", "out of range for a double"},
		event(`"ts":1773480413001,"kind":"search","quantity":3000000000`): {422, "/sessions/1/events/1/quantity", "whole number of 32 bits"},
		event(`"ts":1773480413001,"kind":"search","item":5`):              {422, "/sessions/1/events/1/item", "must be a string or null, found 5"},
		event(`"ts":1773480413001,"kind":"search","name":"Jo"`):           {422, "/sessions/1/events/1", `unknown member "name"`},
		event(`"ts":1773480413001,"kind":"search","page":[}`):             {400, "", "malformed JSON body"},
	} {
		r := post(t, url+"/v1/score", body)
		if r.status != want.status {
			t.Errorf("%s: %d %s", body, r.status, r.body)
			continue
		}
		p := r.problem(t)
		if p.Pointer != want.pointer || !strings.Contains(p.Detail, want.detail) || !strings.HasPrefix(p.Detail, want.pointer) {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

func TestScoreRejectsTooManySessionsOrEvents(t *testing.T) {
	s, url := serving(t)
	s.maxRows = 2
	for body, pointer := range map[string]string{
		`{"sessions":[{"events":[]},{"events":[]},{"events":[]}]}`:                                                                    "",
		`{"session":{"events":[` + strings.Repeat(`{"ts":1773480413001,"kind":""},`, maxEvents) + `{"ts":1773480413001,"kind":""}]}}`: "/session/events",
	} {
		if r := post(t, url+"/v1/score", body); r.status != http.StatusRequestEntityTooLarge || r.problem(t).Pointer != pointer {
			t.Errorf("%d %.200s", r.status, r.body)
		}
	}
}

// TestArchivesWithoutUsableFeatureSpec checks that an archive without a spec still scores rows, and that an archive with an
// invalid spec does not load.
func TestArchivesWithoutUsableFeatureSpec(t *testing.T) {
	for entry, why := range map[string]string{featuresEntry: "has no leapline/features.json", manifestEntry: "has no leapline/manifest.json"} {
		_, url := servingBundle(t, buyBundleWith(t, map[string]string{entry: ""}))
		if p := post(t, url+"/v1/score", oneSession).problem(t); p.Status != 422 || !strings.Contains(p.Detail, why) {
			t.Errorf("%+v", p)
		}
		if r := post(t, url+"/v1/predict", oneRow); r.status != 200 {
			t.Errorf("%+v", r)
		}
	}
	spec := string(readFile(t, buyFolder+"/"+featuresEntry))
	for change, want := range map[[2]string]string{
		{`"count"`, `"cuont"`}:        `leapline/features.json: feature 1 "n_events": field op: found "cuont"`,
		{`"x0"`, `"x1"`}:              `leapline/features.json: feature "x0" is missing; the model reads it`,
		{`"device"`, `"new_visitor"`}: `leapline/features.json: feature "colour" has the wrong type; the model expects a string or null`,
	} {
		_, err := Load(buyBundleWith(t, map[string]string{featuresEntry: strings.Replace(spec, change[0], change[1], 1)}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %s", err, want)
		}
	}
}

func TestModelDescriptionListsFeatures(t *testing.T) {
	_, url := serving(t)
	const want = `"features":[{"name":"n_events","type":"double"},{"name":"x0","type":"double"},{"name":"colour","type":"string"}]`
	if r := get(t, url+"/v1/model"); !strings.Contains(r.body, want) {
		t.Error(r.body)
	}
}

func TestInvocationsScoreSessions(t *testing.T) {
	_, url := serving(t)
	want := post(t, url+"/v1/score", oneSession).body
	if got := post(t, url+"/invocations", oneSession).body; got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	m, err := Load(buyBundle(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Score(m, []byte(oneSession)); err != nil || string(got) != want {
		t.Errorf("offline: %s %v", got, err)
	}
}

func TestNamesAreNormalisedAsInTraining(t *testing.T) {
	req := &request{}
	for name, want := range map[string]string{
		"  a b ": "a b", "   ": "", "": "", strings.Repeat("é", 200): strings.Repeat("é", 200),
		" " + strings.Repeat("é", 201): strings.Repeat("é", 200), strings.Repeat("x", 199) + " yz": strings.Repeat("x", 199),
		"\ta": "\ta",
	} {
		text, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		req.scan.Reset(text)
		var got string
		if err := (&sessionDecoder{req: req}).readName(&got); err != nil || got != want {
			t.Errorf("%q became %q, expected %q (%v)", name, got, want, err)
		}
	}
}
