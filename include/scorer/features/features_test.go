package features

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const second = 1_000_000

// sampleSession returns a session of six events; the second and the third have the same timestamp. Times are in seconds from
// 2026-03-14 09:26:53.5 UTC.
//
//	#  at    kind       page  item  category  price  quantity  dwell
//	0  0     page_view  home                                   10
//	1  10    item_view  item  a     x         19.99            0
//	2  10    item_view  item  b     x         5                20
//	3  20    page_ping              y                          10
//	4  30    cart_add         a     x         19.99  2         15
//	5  45    item_view  item  a     y                          0
func sampleSession() Session {
	const start = 1773480413_500_000
	at := func(seconds float64) int64 { return start + int64(seconds*second) }
	return Session{Device: "Mobile", Index: 1, Events: []Event{
		{Micros: at(0), ID: "0", Kind: PageView, Page: Home},
		{Micros: at(10), ID: "1", Kind: ItemView, Page: ItemPage, Item: "a", Category: "x", Price: 19.99, HasPrice: true},
		{Micros: at(10), ID: "2", Kind: ItemView, Page: ItemPage, Item: "b", Category: "x", Price: 5, HasPrice: true},
		{Micros: at(20), ID: "3", Kind: PagePing, Page: NoPage, Category: "y"},
		{Micros: at(30), ID: "4", Kind: CartAdd, Page: NoPage, Item: "a", Category: "x", Price: 19.99, HasPrice: true, Quantity: 2, HasQuantity: true},
		{Micros: at(45), ID: "5", Kind: ItemView, Page: ItemPage, Item: "a", Category: "y"},
	}}
}

// evaluate computes the features of the entries, which are named f0, f1, ...
func evaluate(t testing.TB, session Session, entries ...string) *State {
	t.Helper()
	spec, err := Parse([]byte(document(entries...)))
	if err != nil {
		t.Fatal(err)
	}
	s := Compile(spec).NewState()
	s.Session = session
	s.Session.Cut()
	s.Evaluate()
	return s
}

// document returns a spec with the entries, which are named f0, f1, ...
func document(entries ...string) string {
	for i, entry := range entries {
		entries[i] = fmt.Sprintf(`{"name": "f%d", %s}`, i, entry)
	}
	return `{"version": 1, "unit": "session", "features": [` + strings.Join(entries, ",\n") + `], "vocabularies": {}}`
}

func TestOperationsOnSampleSession(t *testing.T) {
	const views = `"kinds": ["item_view"]`
	for entry, want := range map[string]any{
		`"op": "count"`:                                                  6.0,
		`"op": "count", ` + views:                                        3.0,
		`"op": "count", "pages": ["home", "cart"]`:                       1.0,
		`"op": "count", "kinds": ["search"]`:                             0.0,
		`"op": "count_distinct", "of": "item"`:                           2.0,
		`"op": "count_distinct", "of": "item_category"`:                  4.0, // a-x, b-x, -y, a-y
		`"op": "count_distinct", "of": "page"`:                           2.0,
		`"op": "repeats", "of": "item"`:                                  2.0,
		`"op": "fraction", "among": ["item_view", "cart_add"], ` + views: 0.75,
		`"op": "fraction", "among": ["search"], "missing": -1`:           -1.0,
		`"op": "followed", "next_kinds": ["item_view"]`:                  3.0, // 0, 1 and 4
		`"op": "followed", "next_kinds": ["item_view"], "negate": true`:  3.0,
		`"op": "followed", "next_kinds": ["cart_add"]`:                   2.0, // 2 and, past the ping, 3
		`"op": "followed", "next_pages": ["item"]`:                       3.0,
		`"op": "span"`:                                                                    45.0,
		`"op": "span", ` + views:                                                          35.0,
		`"op": "since", "kinds": ["cart_add"]`:                                            15.0,
		`"op": "since", "kinds": ["search"]`:                                              -1.0,
		`"op": "time_part", "at": "first", "part": "hour"`:                                9.0,
		`"op": "time_part", "at": "last", "part": "minute"`:                               27.0,
		`"op": "time_part", "at": "first", "part": "weekday"`:                             5.0, // a Saturday
		`"op": "time_part", "at": "first", "part": "second_of_day"`:                       34013.0,
		`"op": "time_part", "at": "last", "part": "second", "categorical": true`:          "38",
		`"op": "time_part", "at": "first", "part": "month_day", "categorical": true`:      "03-14",
		`"op": "time_part", "at": "first", "part": "month_day_hour", "categorical": true`: "03-14-09",
		`"op": "sum", "of": "amount"`:                                                     64.97,
		`"op": "min", "of": "price"`:                                                      5.0,
		`"op": "max", "of": "price"`:                                                      19.99,
		`"op": "mean", "of": "price", ` + views:                                           2499.0 / 200,
		`"op": "last", "of": "price"`:                                                     19.99,
		`"op": "sum", "of": "quantity"`:                                                   2.0,
		`"op": "last", "of": "price", "kinds": ["search"], "missing": 7.5`:                7.5,
		`"op": "cart_value"`:                                                              39.98,
		`"op": "dwell", "stat": "total", ` + views:                                        20.0,
		`"op": "dwell", "stat": "max"`:                                                    20.0,
		`"op": "dwell", "stat": "mean", "kinds": ["item_view", "cart_add"]`:               8.75,
		`"op": "top_k", "of": "item", "k": 1, "give": "id"`:                               "a",
		`"op": "top_k", "of": "item", "k": 1, "by": "dwell", "give": "id"`:                "b",
		`"op": "top_k", "of": "item", "k": 2, "give": "clicks"`:                           1.0,
		`"op": "top_k", "of": "item", "k": 1, "give": "price"`:                            19.99,
		`"op": "top_k", "of": "category", "k": 1, "give": "seconds"`:                      35.0,
		`"op": "top_k", "of": "category", "k": 2, "give": "price", "missing": -2`:         -2.0, // y has none
		`"op": "top_k", "of": "item", "k": 3, "give": "id"`:                               "",
		`"op": "share", "of": "item"`:                                                     0.75,
		`"op": "share", "of": "item", "by": "dwell"`:                                      20.0 / 35,
		`"op": "share", "of": "item", "kinds": ["search"], "missing": -3`:                 -3.0,
		`"op": "clicked_at_least", "of": "item", "at": "first", "k": 1`:                   "a",
		`"op": "clicked_at_least", "of": "category", "at": "last", "k": 2`:                "y",
		`"op": "clicked_at_least", "of": "item", "at": "last", "k": 4`:                    "",
		`"op": "attribute", "of": "device"`:                                               "Mobile",
		`"op": "attribute", "of": "referrer"`:                                             "",
		`"op": "attribute", "of": "session_index"`:                                        1.0,
		`"op": "attribute", "of": "new_visitor"`:                                          1.0,
	} {
		s := evaluate(t, sampleSession(), entry)
		var got any = s.Number(0)
		if s.program.Spec.Features[0].Category {
			got = s.Text(0)
		}
		if got != want {
			t.Errorf("%s: got %v, expected %v", entry, got, want)
		}
	}
}

// TestRankingKeepsFirstOfEqualEntities checks that entities with equal clicks and dwell keep the order of their first clicks.
func TestRankingKeepsFirstOfEqualEntities(t *testing.T) {
	events := []Event{{ID: "1", Item: "b"}, {ID: "2", Item: "a"}, {ID: "3", Item: "c"}}
	s := evaluate(t, Session{Events: events}, `"op": "top_k", "of": "item", "k": 1, "give": "id"`,
		`"op": "top_k", "of": "item", "k": 2, "by": "dwell", "give": "id"`)
	if s.Text(0) != "b" || s.Text(1) != "a" {
		t.Errorf("%q %q", s.Text(0), s.Text(1))
	}
}

func TestCutSortsAndRemovesCheckout(t *testing.T) {
	for name, c := range map[string]struct {
		events []Event
		want   string
	}{
		"by time, then by id":             {[]Event{{Micros: 2, ID: "c"}, {Micros: 1, ID: "b"}, {Micros: 1, ID: "a"}}, "abc"},
		"equal times, by the ids' bytes":  {[]Event{{ID: "é"}, {ID: "z"}, {ID: "Z"}}, "Zzé"},
		"without ids, in given order":     {[]Event{{Item: "q"}, {Item: "p"}}, "qp"},
		"from a checkout on":              {[]Event{{ID: "a"}, {Micros: 1, ID: "b", Kind: CheckoutKind}, {Micros: 2, ID: "c"}}, "a"},
		"all events at a purchase's time": {[]Event{{ID: "a"}, {Micros: 1, ID: "b"}, {Micros: 1, ID: "c", Kind: Purchase}}, "a"},
		"from a page of the checkout on":  {[]Event{{ID: "a"}, {Micros: 1, ID: "b", Page: Thanks}}, "a"},
		"all events removed":              {[]Event{{ID: "a", Kind: PurchaseItem}, {ID: "b"}}, ""},
		"no events":                       {nil, ""},
	} {
		s := Session{Events: slices.Clone(c.events)}
		s.Cut()
		got := ""
		for _, e := range s.Events {
			got += e.ID + e.Item
		}
		if got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}

func TestAmountsAreRoundedAndLimited(t *testing.T) {
	price := func(price float64, quantity int32) Event {
		return Event{ID: "1", Kind: CartAdd, Price: price, HasPrice: true, Quantity: quantity, HasQuantity: quantity != 0}
	}
	for _, c := range []struct {
		event Event
		entry string
		want  float64
	}{
		{price(1.005, 0), `"op": "sum", "of": "price"`, 1},
		{price(-0.005, 0), `"op": "sum", "of": "price"`, 0},
		{price(1e9, 0), `"op": "sum", "of": "price"`, 1e9},
		{price(1.1e9, 0), `"op": "sum", "of": "price", "missing": -1`, -1},
		{price(1e9, 1), `"op": "sum", "of": "amount"`, 1e9},
		{price(1e9, 2), `"op": "sum", "of": "amount", "missing": -1`, -1},
		{price(1e9, -1<<31), `"op": "cart_value"`, 0},
		{Event{Micros: -1}, `"op": "time_part", "at": "first", "part": "second"`, 59},
	} {
		s := evaluate(t, Session{Events: []Event{c.event}}, c.entry)
		if s.Number(0) != c.want {
			t.Errorf("%+v %s: got %v, expected %v", c.event, c.entry, s.Number(0), c.want)
		}
	}
}

func TestItemsBeyondLinearSearch(t *testing.T) {
	var events []Event
	for i := range 100 {
		events = append(events, Event{Micros: int64(i), Item: fmt.Sprint("i", i%50)})
	}
	s := evaluate(t, Session{Events: events}, `"op": "count_distinct", "of": "item"`, `"op": "repeats", "of": "item"`,
		`"op": "top_k", "of": "item", "k": 50, "give": "id"`)
	if s.Number(0) != 50 || s.Number(1) != 50 || s.Text(2) != "i49" {
		t.Errorf("%v %v %q", s.Number(0), s.Number(1), s.Text(2))
	}
}

func TestUnknownKindsAndPagesAreOther(t *testing.T) {
	if KindOf("quiz") != OtherKind || PageOf("quiz") != OtherPage || PageOf("") != NoPage || KindOf("purchase") != Purchase {
		t.Error("unknown names are not read as in training")
	}
}
