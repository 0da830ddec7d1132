package row

import (
	"errors"
	"reflect"
	"testing"
)

func sample() []Row {
	id := func(first byte) ID { return ID{Value: [32]byte{first}, OK: true} }
	return []Row{
		{Reason: Event, Part: Rest, AfterTail: true, Dated: true, Slice: 3, Bytes: 1700, Hash: 1 << 63, Time: -1, Collector: 1,
			EventID: "a", Fingerprint: 7, Session: id(1), Visitor: id(2), Order: id(3), Page: "item", Currency: Text{"EUR", true},
			Unmapped: "page /x", Device: Text{"", true}, SessionIndex: -7, HasIndex: true, Nth: 2,
			Product: Product{Kind: "purchase", Item: Text{"ü", true}, Price: 9.5, HasPrice: true, Quantity: 2, HasQuantity: true},
			More:    []Product{{Kind: "purchase_item"}, {Kind: "purchase_item", Category: Text{"c", true}}}},
		{Reason: TooLong, Slice: 1, Width: 140, Bytes: 1 << 20},
	}
}

func TestRowsSurviveTheWayBetweenTasks(t *testing.T) {
	var block []byte
	for _, r := range sample() {
		block = r.Append(block, nil)
	}
	rows, err := Decode(block, nil)
	if err != nil || !reflect.DeepEqual(rows, sample()) {
		t.Errorf("found %+v, %v", rows, err)
	}
	for size := range block {
		if rows, err := Decode(block[:size], nil); err == nil && len(rows) != 0 && size != boundary() {
			t.Errorf("a block of %d of %d bytes has %d rows", size, len(block), len(rows))
		} else if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
	}
}

func TestWhatRowsHaveInCommonIsWrittenOnce(t *testing.T) {
	first := sample()[0]
	first.More = nil
	second, third := first, first
	second.Time, second.Visitor = 5, ID{}
	third.Session.Value[31], third.Device, third.Referrer = 9, Text{}, Text{"search", true}
	rows := []Row{first, second, third, third}
	var block []byte
	var before *Row
	var sizes []int
	for i := range rows {
		size := len(block)
		block = rows[i].Append(block, before)
		sizes = append(sizes, len(block)-size)
		before = &rows[i]
	}
	again, err := Decode(block, nil)
	if err != nil || !reflect.DeepEqual(again, rows) {
		t.Errorf("found %+v, %v", again, err)
	}
	if alone := len(third.Append(nil, &rows[2])); sizes[3] > alone-70 {
		t.Errorf("the first row of a block has %d bytes, one like its predecessor %d", alone, sizes[3])
	}
	if _, err := Decode(block[sizes[0]:], nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a block without its first row: %v", err)
	}
}

func boundary() int {
	first := sample()[0]
	return len(first.Append(nil, nil))
}

func TestEachReasonHasItsName(t *testing.T) {
	for reason := Event; reason <= WithoutSession; reason++ {
		if Named(reason.String()) != reason {
			t.Errorf("%d: %s", reason, reason)
		}
	}
	if !Event.IsKept() || Duplicate.IsKept() || !Late.IsKept() || WithoutSession.IsQuarantined() || !WithoutSession.MayBeEvent() {
		t.Error("reasons are in the wrong groups")
	}
}
