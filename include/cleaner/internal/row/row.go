// Package row has the rows of a day's lines on their way from the source to the clean events, and their binary form, in which
// Spark moves them between tasks without looking into them.
package row

// Reasons why a line is not an event; their order is that of the names below.
const (
	Event Reason = iota
	OtherDay
	Bot
	Duplicate
	Erased
	Internal
	NoConsent
	NoSession
	NoVisitor
	Refund
	RepeatedOrder
	Amount
	ClockSkew
	Conflict
	Endless
	EventID
	Late
	NulByte
	NotUTF8
	PersonalData
	Timestamp
	TooLong
	Width
	WithoutSession
)

// Reason is why a line is not an event; Event for one that is.
type Reason uint8

var names = [...]string{
	"", "other_day", "bot", "duplicate", "erased", "internal", "no_consent", "no_session", "no_visitor", "refund",
	"repeated_order", "amount", "clock_skew", "conflict", "endless", "event_id", "late", "nul_byte", "not_utf8", "personal_data",
	"timestamp", "too_long", "width", "visitor_without_session",
}

// String returns the reason's name in the counts.
func (r Reason) String() string { return names[r] }

// IsKept reports whether a line is an event, goes into quarantine, or may still become one.
func (r Reason) IsKept() bool { return r == Event || r >= Amount }

// IsQuarantined reports whether a line goes into quarantine.
func (r Reason) IsQuarantined() bool { return r >= Amount && r < WithoutSession }

// MayBeEvent reports whether a line is an event, or an order that may still be assigned to a session.
func (r Reason) MayBeEvent() bool { return r == Event || r == WithoutSession }

// Named returns the reason of a name.
func Named(name string) Reason {
	for i, known := range names {
		if known == name {
			return Reason(i)
		}
	}
	panic("no reason is named " + name)
}

// Parts of a day's window.
const (
	NoPart Part = iota
	Before      // the look-back
	Head        // the hours of the day that the look-ahead of the day before covers
	Rest        // the rest of the day
	After       // the look-ahead
)

// Part is a part of a day's window.
type Part uint8

// Text is a text or null.
type Text struct {
	Value string
	OK    bool
}

// Of returns a text; nil is null.
func Of(b []byte) Text { return Text{string(b), b != nil} }

// ID is a pseudonym or null.
type ID struct {
	Value [32]byte
	OK    bool
}

// Product is what a row says about a product.
type Product struct {
	Kind                  string
	Item, Category        Text
	Price                 float64
	Quantity              int32
	HasPrice, HasQuantity bool
}

// Row is a line, or a further product of an event about several.
type Row struct {
	Reason          Reason
	Part            Part
	AfterTail       bool // arrived after the look-ahead
	Dated           bool // has a time of arrival
	Slice           int32
	Width           int32 // number of columns; 0 for the usual one
	Bytes           int32
	Hash            uint64
	Time, Collector int64 // microseconds since 1970
	EventID         string
	Fingerprint     uint64 // a hash of the tracker's fingerprint, until duplicates are marked
	Session         ID
	Visitor, Order  ID
	FormerOrder     ID // under the former key
	Page            string
	Currency        Text
	Unmapped        string
	Device          Text
	Referrer        Text
	SessionIndex    int32
	HasIndex        bool
	Nth             int32 // number of the product, from 0
	Product
	More []Product
}
