package features

import "strings"

// Kind is what an event is; Page is the kind of page that it happened on.
type (
	Kind uint8
	Page uint8
)

// The kinds of clean events. A spec may name those before CheckoutKind: the others would give the label away.
const (
	PageView Kind = iota
	PagePing
	ItemView
	CartAdd
	CartRemove
	Search
	OtherKind
	CheckoutKind
	Purchase
	PurchaseItem
)

// The kinds of pages. A spec may name those before CheckoutPage.
const (
	Home Page = iota
	CategoryPage
	ItemPage
	SearchPage
	CartPage
	OtherPage
	CheckoutPage
	Thanks
	NoPage
)

var (
	kindNames = []string{
		"page_view", "page_ping", "item_view", "cart_add", "cart_remove", "search", "other",
		"checkout", "purchase", "purchase_item",
	}
	pageNames = []string{"home", "category", "item", "search", "cart", "other", "checkout", "thanks"}
	kindsOf   = numbered[Kind](kindNames)
	pagesOf   = numbered[Page](pageNames)
)

// listedKinds and listedPages are how many a spec may name.
const (
	listedKinds = int(CheckoutKind)
	listedPages = int(CheckoutPage)
)

func numbered[T ~uint8](names []string) map[string]T {
	numbers := make(map[string]T, len(names))
	for i, name := range names {
		numbers[name] = T(i)
	}
	return numbers
}

// KindOf finds a kind by name; one that nobody has heard of is another event, as it was in training.
func KindOf(name string) Kind {
	if kind, known := kindsOf[name]; known {
		return kind
	}
	return OtherKind
}

// PageOf finds a page kind by name, as KindOf does; "" is none.
func PageOf(name string) Page {
	if page, known := pagesOf[name]; known {
		return page
	}
	if name == "" {
		return NoPage
	}
	return OtherPage
}

// endsVisit says whether an event shows a checkout: it and all after it would give the label away.
func (e *Event) endsVisit() bool {
	return e.Kind >= CheckoutKind || e.Page == CheckoutPage || e.Page == Thanks
}

// mask has a bit for each kind (page) that is chosen.
type mask uint16

const everything mask = 1<<16 - 1

func (m mask) has(bit uint8) bool { return m>>bit&1 != 0 }

func listed(names []string) string { return strings.Join(names, ", ") }
