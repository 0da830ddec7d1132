package features

import (
	"fmt"
	"testing"
)

// longSession returns a session of 50 events on 12 items of 4 categories.
func longSession() Session {
	s := Session{Device: "Computer", Referrer: "search", Index: 3}
	for i := range 50 {
		e := Event{Micros: int64(1773480413+7*i) * second, ID: fmt.Sprintf("%04d", i), Kind: ItemView, Page: ItemPage}
		switch {
		case i%5 == 4:
			e.Kind, e.Page = PagePing, NoPage
		case i%7 == 0:
			e.Kind, e.Page = PageView, CategoryPage
		default:
			e.Item, e.Category, e.Price, e.HasPrice = fmt.Sprint("item-", i%12), fmt.Sprint("category-", i%4), 9.99, true
		}
		s.Events = append(s.Events, e)
	}
	return s
}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	spec, err := Parse(readDefaultSpec(t))
	if err != nil {
		t.Fatal(err)
	}
	s := Compile(spec).NewState()
	s.Session = longSession()
	s.Evaluate()
	if got := testing.AllocsPerRun(200, func() { s.Session.Cut(); s.Evaluate() }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkEvaluate50Events(b *testing.B) {
	spec, err := Parse(readDefaultSpec(b))
	if err != nil {
		b.Fatal(err)
	}
	s := Compile(spec).NewState()
	s.Session = longSession()
	b.ReportAllocs()
	for b.Loop() {
		s.Session.Cut()
		s.Evaluate()
	}
}
