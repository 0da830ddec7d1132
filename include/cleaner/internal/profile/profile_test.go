package profile

import (
	"strings"
	"testing"

	"leapline/cleaner/internal/personal"
	"leapline/cleaner/internal/row"
)

const noon = start + 12*60*minute
const start = 1_772_323_200_000_000 // 2026-03-01

func usual(number int64) Event {
	at := noon + number*1_000_000
	r := row.Row{Time: at, Collector: at, Dated: true, Page: "item", Product: row.Product{
		Kind: "item_view", Item: row.Text{Value: "i1", OK: true}, Price: 9.5, HasPrice: true, Quantity: 1, HasQuantity: true,
	}}
	return Event{Row: &r, Number: "000000" + string(rune('0'+number)), Session: strings.Repeat("ab", 32), Visitor: strings.Repeat("f", 64)}
}

func profiled(t *testing.T, events ...Event) *Profile {
	t.Helper()
	detector, err := personal.New(&personal.Patterns{
		Email: `\w+@\w+\.example`, Special: "[＠]", Bracketed: `\(at\)`, Address: `203\.0\.113\.\d`, Encoded: "QUFB", Card: "4{16}", IBAN: "DE00",
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	p := New(start, detector, []string{"item_view", "purchase"})
	p.Session(events)
	return p
}

func TestEachFaultChangesItsOwnStatistic(t *testing.T) {
	for name, plant := range map[string]func(e *Event){
		"null_visitor":    func(e *Event) { e.Visitor = "" },
		"unknown_kinds":   func(e *Event) { e.Kind = "dance" },
		"negative_prices": func(e *Event) { e.Price = -1 },
		"bad_quantities":  func(e *Event) { e.Quantity = -1 },
		"out_of_order":    func(e *Event) { e.Time += 2 * 60 * minute },
		"before_day":      func(e *Event) { e.Time -= day; e.Collector = e.Time },
		"after_tail":      func(e *Event) { e.Time += 2 * day; e.Collector = e.Time },
		"bad_pseudonyms":  func(e *Event) { e.Session = "b3a1" },
		"personal_values": func(e *Event) { e.Item.Value = "anna@shop.example" },
	} {
		broken := usual(2)
		plant(&broken)
		p, good := profiled(t, usual(1), broken), profiled(t, usual(1), usual(2))
		if p.Counts()[name] != 1 || good.Counts()[name] != 0 {
			t.Errorf("%s: found %d of the broken and %d of the good event", name, p.Counts()[name], good.Counts()[name])
		}
		if p.HashXor == good.HashXor && name != "null_visitor" {
			t.Errorf("%s: the hash stays the same", name)
		}
	}
}

func TestDuplicatedAndMissingNumbersAreCounted(t *testing.T) {
	if n := profiled(t, usual(1), usual(2)).Counts()["duplicates"]; n != 0 {
		t.Errorf("a whole session has %d duplicates", n)
	}
	if n := profiled(t, usual(1), usual(1)).Counts()["duplicates"]; n != 2 {
		t.Errorf("a session with an event twice has %d duplicates, expected both events", n)
	}
	if n := profiled(t, usual(1), usual(3)).Counts()["duplicates"]; n != 2 {
		t.Errorf("a session without its second event has %d duplicates, expected both events", n)
	}
}

func TestCountsSessionsBuyersAndNames(t *testing.T) {
	order := usual(3)
	order.Kind = "purchase"
	thanks := usual(4)
	thanks.Unmapped = "page /thanks"
	p := profiled(t, usual(1), usual(2), order, thanks)
	if p.Counts()["sessions"] != 1 || p.Counts()["events"] != 4 || p.Counts()["buyers"] != 1 || p.Counts()["kind_item_view"] != 3 {
		t.Errorf("counts %v", p.Counts())
	}
	if name := *p.Names["page /thanks"]; name != (Name{Sessions: 1, OrderSessions: 1, NearOrder: 1}) {
		t.Errorf("the page has %+v", name)
	}
	if p.LargestPrice != 9.5 {
		t.Errorf("largest price %v", p.LargestPrice)
	}
}
