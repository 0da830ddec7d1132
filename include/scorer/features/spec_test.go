package features

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// defaultSpec is the path of the default spec.
const defaultSpec = "../../leapline/features/default_features.json"

func readDefaultSpec(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(defaultSpec)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseDefaultSpec(t *testing.T) {
	spec, err := Parse(readDefaultSpec(t))
	if err != nil || len(spec.Features) < 20 {
		t.Fatal(err)
	}
	for _, f := range spec.Features {
		if f.Category != (f.Name == "device_type" || f.Name == "referrer_medium") {
			t.Errorf("%s is a category: %t", f.Name, f.Category)
		}
	}
}

func TestParseVocabularies(t *testing.T) {
	text := strings.Replace(document(`"op": "count", "kinds": null`), `{}`, `{"top_items": ["é", "i2"], "none": []}`, 1)
	spec, err := Parse([]byte(text))
	if err != nil || len(spec.Vocabularies) != 2 || spec.Vocabularies["top_items"][0] != "é" {
		t.Errorf("%+v %v", spec, err)
	}
}

// TestParseRejectsInvalidSpecs checks that each error is one line with the place, what was found and what was expected.
func TestParseRejectsInvalidSpecs(t *testing.T) {
	valid := document(`"op": "count"`)
	for text, want := range map[string]string{
		`{`:  "unexpected end of input",
		`[]`: ": found [], expected an object",
		strings.Replace(valid, `"version": 1`, `"version": 2`, 1):      "field version: found 2, expected 1",
		strings.Replace(valid, `"version": 1, `, ``, 1):                "field version: found nothing, expected a value",
		strings.Replace(valid, `"session"`, `"visitor"`, 1):            `field unit: found "visitor", expected one of session`,
		strings.Replace(valid, `"unit"`, `"units"`, 1):                 "field units: found an unknown field",
		strings.Replace(valid, `"unit": "session"`, `"version": 1`, 1): "field version: found a duplicate, expected each field once",
		strings.Replace(valid, `{}`, `[]`, 1):                          "field vocabularies: found [], expected an object of lists",
		strings.Replace(valid, `{}`, `{"v": [1]}`, 1):                  `field vocabularies: "v": found 1, expected a string`,
		strings.Replace(valid, `{}`, `{"V": []}`, 1):                   "a unique name of a-z",
		valid + `x`: "expected end of input",
		`{"version": 1, "unit": "session", "features": []}`:                       "field features: found [], expected at least one feature",
		`{"version": 1, "unit": "session", "features": 1}`:                        "field features: found 1, expected an array of features",
		`{"version": 1, "unit": "session", "features": [7]}`:                      `feature 1 "": found 7, expected an object`,
		document(`"op": "count"`, `"op": "cuont"`):                                `feature 2 "f1": field op: found "cuont", expected one of attribute, cart_value, clicked_at_least, count`,
		strings.Replace(valid, `"f0"`, `"F"`, 1):                                  `feature 1 "F": field name: found "F"`,
		strings.Replace(document(`"op": "count"`, `"op": "span"`), "f1", "f0", 1): `feature 2 "f0": field name: found the name of an earlier entry`,
		document(`"op": "count", "k": 1`):                                         `feature 1 "f0": field k: found an unknown field`,
		document(`"op": "count", "kinds": []`):                                    "field kinds: found [], expected at least one of page_view",
		document(`"op": "count", "kinds": "search"`):                              `field kinds: found "search", expected an array of words`,
		document(`"op": "count", "kinds": ["purchase"]`):                          `field kinds: found "purchase", expected one of page_view, page_ping, item_view`,
		document(`"op": "count", "pages": ["thanks"]`):                            `field pages: found "thanks", expected one of home`,
		document(`"op": "count", "kinds": [1]`):                                   "field kinds: found 1, expected one of",
		document(`"op": "count_distinct"`):                                        "field of: found nothing, expected a value",
		document(`"op": "repeats", "of": "page"`):                                 `field of: found "page", expected one of item, category`,
		document(`"op": "top_k", "of": "item", "give": "id", "k": 0`):             "field k: found 0, expected a whole number from 1 to 100",
		document(`"op": "top_k", "of": "item", "give": "id", "k": 101`):           "field k: found 101",
		document(`"op": "top_k", "of": "item", "give": "id", "k": 1.5`):           "field k: found 1.5",
		document(`"op": "top_k", "of": "item", "give": "id", "k": "1"`):           `field k: found "1"`,
		document(`"op": "since", "missing": "x"`):                                 `field missing: found "x", expected a number`,
		document(`"op": "followed", "negate": 1`):                                 "field negate: found 1, expected true or false",
		document(`"op": "time_part", "at": "first", "part": "month_day"`):         "field categorical: found false, expected true, because month_day is not a number",
		document(`"op": "count", "op": "span"`):                                   "field op: found a duplicate",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(readDefaultSpec(f))
	f.Add([]byte(document(`"op": "top_k", "of": "item", "k": 3, "by": "dwell", "give": "price", "missing": 1e2`)))
	f.Add([]byte(document(`"op": "time_part", "at": "last", "part": "month_day_hour", "categorical": true`)))
	f.Add([]byte(`{"version": 1, "unit": "session", "features": [{"op": {}, "name": 1}], "vocabularies": {"a": ["\ud800"]}}`))
	f.Add([]byte(`{"version": 1, "unit": "pair", "features": [{"op": "relative", "name": "r", "scope": "categories"}], "tables": {"markov": {}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		spec, err := Parse(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an empty error")
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted invalid JSON: %q", text)
		}
		s := Compile(spec).NewState()
		s.Session = sampleSession()
		s.Evaluate()
		for _, item := range s.AppendItems(nil) {
			s.EvaluatePair(item)
		}
	})
}
