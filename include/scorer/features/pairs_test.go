package features

import (
	"os"
	"strings"
	"testing"
)

func pairSpec(t testing.TB, entries ...string) *Spec {
	t.Helper()
	spec, err := Parse([]byte(strings.Replace(document(entries...), `"unit": "session"`, `"unit": "pair"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestPairFeatures evaluates pairs of the sample session, in which item a has the categories x and y, and item b only x.
func TestPairFeatures(t *testing.T) {
	for entry, want := range map[string][2]any{
		`"op": "pair_item"`:                                                         {"a", "b"},
		`"op": "count"`:                                                             {3.0, 1.0},
		`"op": "count", "scope": "categories"`:                                      {5.0, 3.0},
		`"op": "count", "scope": "session"`:                                         {6.0, 6.0},
		`"op": "count", "kinds": ["cart_add"]`:                                      {1.0, 0.0},
		`"op": "relative"`:                                                          {0.5, 1.0 / 6},
		`"op": "relative", "by": "dwell"`:                                           {15.0 / 55, 20.0 / 55},
		`"op": "relative", "scope": "categories", "kinds": ["item_view"]`:           {1.0, 2.0 / 3},
		`"op": "relative", "kinds": ["search"], "missing": -1`:                      {-1.0, -1.0},
		`"op": "dwell", "stat": "total"`:                                            {15.0, 20.0},
		`"op": "dwell", "stat": "total", "scope": "categories"`:                     {45.0, 35.0},
		`"op": "span"`:                                                              {35.0, 0.0},
		`"op": "since", "kinds": ["item_view"]`:                                     {0.0, 35.0},
		`"op": "time_part", "at": "last", "part": "minute", "kinds": ["cart_add"]`:  {27.0, -1.0},
		`"op": "time_part", "at": "last", "part": "month_day", "categorical": true`: {"03-14", "03-14"},
		`"op": "cart_value"`:                                                        {39.98, 0.0},
		`"op": "cart_value", "scope": "session"`:                                    {39.98, 39.98},
		`"op": "fraction", "among": ["item_view"], "scope": "categories"`:           {1.0, 1.0},
		`"op": "followed", "next_kinds": ["item_view"]`:                             {2.0, 0.0},
		`"op": "top_k", "of": "item", "k": 1, "give": "id", "scope": "session"`:     {"a", "a"},
		`"op": "last", "of": "price", "missing": 7`:                                 {19.99, 5.0},
	} {
		spec := pairSpec(t, entry)
		s := Compile(spec).NewState()
		s.Session = sampleSession()
		s.Session.Cut()
		s.Evaluate()
		items := s.AppendItems(nil)
		if len(items) != 2 {
			t.Fatalf("%d items", len(items))
		}
		for n, item := range items {
			s.EvaluatePair(item)
			var got any = s.Number(0)
			if spec.Features[0].Category {
				got = s.Text(0)
			}
			if got != want[n] {
				t.Errorf("%s of %s: got %v, expected %v", entry, s.ItemName(item), got, want[n])
			}
		}
	}
}

// TestSearchedItemsFormNoPair checks that an item that occurs only in searches forms no pair.
func TestSearchedItemsFormNoPair(t *testing.T) {
	s := Compile(pairSpec(t, `"op": "count"`)).NewState()
	s.Session = Session{Events: []Event{{Kind: Search, Item: "s"}, {Kind: CartRemove, Item: "r"}, {Kind: ItemView, Item: "v"}, {Kind: ItemView}}}
	s.Evaluate()
	got := ""
	for _, item := range s.AppendItems(nil) {
		got += s.ItemName(item)
	}
	if got != "rv" {
		t.Error(got)
	}
}

func TestParseDefaultItemSpec(t *testing.T) {
	text, err := os.ReadFile("../../leapline/features/default_item_features.json")
	if err != nil {
		t.Fatal(err)
	}
	if spec, err := Parse(text); err != nil || spec.Unit != "pair" {
		t.Error(err)
	}
}

func TestFittedFeatures(t *testing.T) {
	text := document(`"op": "markov"`,
		`"op": "popular", "of": "item", "vocabulary": "v", "k": 2, "give": "clicks"`,
		`"op": "popular", "of": "item", "vocabulary": "v", "k": 1, "give": "seconds"`,
		`"op": "popular", "of": "item", "vocabulary": "v", "k": 3, "give": "seconds"`,
		`"op": "popular", "of": "category", "vocabulary": "w", "k": 1, "give": "seconds"`)
	text = strings.Replace(text, `"vocabularies": {}`, `"vocabularies": {"v": ["z", "a"], "w": ["x"]}, "tables": {"markov": {
		"start": {"home_page": 7}, "home_page": {"item_view": -500000}, "item_view": {"item_view": 20, "cart_add": 3},
		"cart_add": {"item_view": 1000}, "search": {"search": 1}}}`, 1)
	spec, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s := Compile(spec).NewState()
	s.Session = sampleSession()
	s.Evaluate()
	for i, want := range []float64{-498970.0 / 1e6, 3, 0, 0, 35} {
		if s.Number(i) != want {
			t.Errorf("feature %d: got %v, expected %v", i, s.Number(i), want)
		}
	}
}

func TestParseRejectsInvalidScopesAndTables(t *testing.T) {
	pairs := func(entry string) string {
		return strings.Replace(document(entry), `"session"`, `"pair"`, 1)
	}
	tables := func(table string) string {
		return strings.Replace(document(`"op": "markov"`), `"vocabularies": {}`, `"tables": `+table, 1)
	}
	for text, want := range map[string]string{
		document(`"op": "pair_item"`):                                                          `feature 1 "f0": field op: found pair_item in a spec of unit session, expected unit pair`,
		document(`"op": "count", "scope": "item"`):                                             `field scope: found "item", expected no scope in a spec of unit session`,
		pairs(`"op": "share", "of": "item"`):                                                   `field scope: found "item", expected one of session for share`,
		pairs(`"op": "relative", "scope": "session"`):                                          `field scope: found "session", expected one of item, categories for relative`,
		pairs(`"op": "count", "scope": "moon"`):                                                `field scope: found "moon", expected one of session, item, categories`,
		tables(`[]`):                                                                           "field tables: found [], expected an object of tables",
		tables(`{"markov": {"moon": {}}}`):                                                     "field tables: field markov: field moon: found an unknown field",
		tables(`{"markov": {"start": {"search": 0.5}}}`):                                       "field search: found 0.5, expected a whole number from -1000000000 to 1000000000",
		tables(`{"markov": {"start": {"start": 1}}}`):                                          "field start: field start: found an unknown field",
		document(`"op": "popular", "of": "item", "vocabulary": "V", "k": 1, "give": "clicks"`): `field vocabulary: found "V"`,
		document(`"op": "popular", "of": "item", "vocabulary": "v", "k": 1, "give": "clicks"`,
			`"op": "popular", "of": "category", "vocabulary": "v", "k": 1, "give": "clicks"`): `feature 2 "f1": field vocabulary: found "v" with other events, expected the same of, kinds and pages as f0`,
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %s", text, err, want)
		}
	}
}
