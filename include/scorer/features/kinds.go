package features

import "strings"

// Kind is the kind of an event.
type Kind uint8

// Page is the kind of the page on which an event occurred.
type Page uint8

// The kinds of clean events. A spec may use those before CheckoutKind: the others would leak the label.
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

// The kinds of pages. A spec may use those before CheckoutPage.
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

// The numbers of kinds and pages that a spec may use.
const (
	allowedKinds = int(CheckoutKind)
	allowedPages = int(CheckoutPage)
)

func numbered[T ~uint8](names []string) map[string]T {
	numbers := make(map[string]T, len(names))
	for i, name := range names {
		numbers[name] = T(i)
	}
	return numbers
}

// KindOf returns the kind with a name; OtherKind for an unknown name, as in training.
func KindOf(name string) Kind {
	if kind, ok := kindsOf[name]; ok {
		return kind
	}
	return OtherKind
}

// PageOf returns the page with a name; OtherPage for an unknown name, NoPage for "".
func PageOf(name string) Page {
	if page, ok := pagesOf[name]; ok {
		return page
	}
	if name == "" {
		return NoPage
	}
	return OtherPage
}

// showsCheckout reports whether an event belongs to a checkout: this event and all later ones would leak the label.
func (e *Event) showsCheckout() bool {
	return e.Kind >= CheckoutKind || e.Page == CheckoutPage || e.Page == Thanks
}

// mask is a set of kinds or pages.
type mask uint16

// allBits is the set of all kinds or pages.
const allBits mask = 1<<16 - 1

func (m mask) has(bit uint8) bool { return m>>bit&1 != 0 }

func joinNames(names []string) string { return strings.Join(names, ", ") }
