// Package scan turns lines of enriched events into rows: each line gets a reason why it is no event, or its meaning.
package scan

import (
	"encoding/binary"
	"math/bits"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/counts"
	"leapline/cleaner/internal/entity"
	"leapline/cleaner/internal/java"
	"leapline/cleaner/internal/line"
	"leapline/cleaner/internal/mapping"
	"leapline/cleaner/internal/personal"
	"leapline/cleaner/internal/row"
)

// Scanner scans lines.
type Scanner struct {
	Counts *counts.Counts

	config    *config.Config
	line      *line.Line
	mapping   *mapping.Mapping
	personal  *personal.Detector
	entities  entity.Reader
	pseudonym *pseudonyms
	former    *pseudonyms // nil without a former key
	erased    map[[32]byte]bool
	columns   columns
	row       row.Row
	texts     []byte
}

// columns are the places of the columns that are read whatever the mapping.
type columns struct {
	eventID, fingerprint, sessionIndex, device, referrer, contexts, derived, event int
}

// New returns a scanner.
func New(c *config.Config) (*Scanner, error) {
	places := c.Places()
	compiled, err := mapping.Compile(&c.Mapping, places)
	if err != nil {
		return nil, err
	}
	detector, err := personal.New(&c.Patterns, c.DetectNumbers)
	if err != nil {
		return nil, err
	}
	s := &Scanner{
		Counts: counts.New(), config: c, line: line.New(c.Widths[0], c.Widths[1]), mapping: compiled, personal: detector,
		pseudonym: newPseudonyms(c.Key), erased: map[[32]byte]bool{},
		columns: columns{
			places["event_id"], places["event_fingerprint"], places["domain_sessionidx"], places["dvce_type"],
			places["refr_medium"], places["contexts"], places["derived_contexts"], places["unstruct_event"],
		},
	}
	if len(c.FormerKey) > 0 {
		s.former = newPseudonyms(c.FormerKey)
	}
	for _, visitor := range c.Erased {
		s.erased[[32]byte(visitor)] = true
	}
	return s, nil
}

// Line scans a line without its line feed.
//
// Args: the number of its slice, and the day on which the slice landed, in microseconds since 1970. Returns the row, valid until
// the next call; nil if the line is dropped.
func (s *Scanner) Line(text []byte, number int32, landed int64) *row.Row {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	s.line.Read(text)
	s.row = row.Row{Slice: number, Hash: line.Hash(text, line.Seed), Bytes: int32(len(text))}
	return s.next(len(text)+1, landed)
}

// Columns scans an event whose columns a source has split and converted.
//
// Args: the values of the columns that are read, nil for null; its times; a hash that differs between events; and as in Line.
func (s *Scanner) Columns(values [][]byte, collector, derived line.Time, hash uint64, number int32, landed int64) *row.Row {
	s.line.ReadColumns(s.config.ColumnsRead(), values, collector, derived)
	s.row = row.Row{Slice: number, Hash: hash}
	return s.next(0, landed)
}

// next scans what was read.
func (s *Scanner) next(bytes int, landed int64) *row.Row {
	number := s.row.Slice
	slice := s.Counts.Read(number, bytes)
	arrived := s.arrivedOnTheDay(landed)
	if at := s.line.At; !arrived && (!at.OK || at.Micros < s.config.From || at.Micros >= s.config.Until) {
		slice.OtherDays++
		return nil
	}
	s.line.Split()
	if s.line.Fields != line.Width {
		s.row.Width = int32(s.line.Fields)
	}
	s.scan(arrived)
	if !s.row.Reason.IsKept() {
		s.Counts.Drop(number, s.row.Reason)
		return nil
	}
	return &s.row
}

func (s *Scanner) arrivedOnTheDay(landed int64) bool {
	if at := s.line.Collector; at.OK {
		return at.Micros >= s.config.Start && at.Micros < s.config.End
	}
	return landed == s.config.Start
}

// scan finds the reason of a line, and reads its content unless it is dropped or damaged.
func (s *Scanner) scan(arrived bool) {
	r, at := &s.row, s.line.Collector
	r.Collector, r.Dated, r.AfterTail = at.Micros, at.OK, at.OK && at.Micros >= s.config.Until
	r.Time = s.line.At.Micros
	if untimely := s.untimely(); untimely != row.Event {
		r.Reason = row.OtherDay
		if arrived {
			r.Reason = untimely
		}
		return
	}
	if r.Part = s.part(); r.Part == row.NoPart {
		r.Reason = row.OtherDay
		return
	}
	event := s.event()
	if unwanted := s.mapping.Unwanted(event, s.config.ConsentRequired); unwanted != "" {
		r.Reason = s.onTheDay(row.Named(unwanted))
		return
	}
	session, visitor := s.mapping.Session(event), s.mapping.Visitor(event)
	switch {
	case session == nil && visitor == nil:
		r.Reason = s.onTheDay(row.NoSession)
	case session == nil:
		r.Reason = s.onTheDay(row.WithoutSession)
	case visitor == nil:
		r.Reason = s.onTheDay(row.NoVisitor)
	}
	if !r.Reason.IsKept() {
		return
	}
	r.Session, r.Visitor = s.pseudonym.of(session), s.pseudonym.of(visitor)
	s.fill(event)
	if r.Reason.MayBeEvent() && (s.erased[r.Visitor.Value] || s.former != nil && s.erased[s.former.of(visitor).Value]) {
		r.Reason = s.onTheDay(row.Erased)
	}
}

// untimely returns why a line cannot be read, or why its time cannot be right or is too long ago; Event otherwise.
func (s *Scanner) untimely() row.Reason {
	if s.line.Damage != "" {
		return row.Named(s.line.Damage)
	}
	lag := s.line.Collector.Micros - s.line.At.Micros
	switch {
	case lag < -s.config.Skew || lag > s.config.BrokenClock:
		return row.ClockSkew
	case lag > s.config.Grace:
		return row.Late
	}
	return row.Event
}

func (s *Scanner) part() row.Part {
	switch at := s.line.At.Micros; {
	case at < s.config.From || at >= s.config.Until:
		return row.NoPart
	case at < s.config.Start:
		return row.Before
	case at < s.config.Rest:
		return row.Head
	case at < s.config.End:
		return row.Rest
	}
	return row.After
}

// onTheDay returns a reason for events of the day itself; events in its margins are counted by another day's run.
func (s *Scanner) onTheDay(reason row.Reason) row.Reason {
	if s.row.Part == row.Head || s.row.Part == row.Rest {
		return reason
	}
	return row.OtherDay
}

// event reads the JSON columns of the line.
func (s *Scanner) event() *mapping.Event {
	s.entities.Reset()
	event := &mapping.Event{Fields: s.line}
	if text := s.line.Field(s.columns.contexts); text != nil {
		event.Entities = s.entities.Entities(text, s.mapping.EntityFields)
	}
	derived := s.line.Field(s.columns.derived)
	if s.line.IsTyped() { // a table has the entities of both columns in one
		derived = s.line.Field(s.columns.contexts)
	}
	if text := derived; text != nil && s.mapping.MayBeRobot(text) {
		event.Derived = s.entities.Entities(text, s.mapping.BotFields)
	}
	if text := s.line.Field(s.columns.event); text != nil && len(s.mapping.EventFields) > 0 {
		event.Data = s.entities.Event(text, s.mapping.EventFields)
	}
	return event
}

// fill reads the content of a line that is used.
func (s *Scanner) fill(event *mapping.Event) {
	r, mapped := &s.row, s.mapping.Map(event)
	r.EventID = string(s.line.Field(s.columns.eventID))
	r.Fingerprint = line.Hash(s.line.Field(s.columns.fingerprint), line.Seed)
	r.Device, r.Referrer = row.Of(s.line.Field(s.columns.device)), row.Of(s.line.Field(s.columns.referrer))
	if index := s.line.Field(s.columns.sessionIndex); index != nil {
		r.SessionIndex, r.HasIndex = java.Int(string(index))
	}
	r.Order = s.pseudonym.of(mapped.Order)
	if s.former != nil {
		r.FormerOrder = s.former.of(mapped.Order)
	}
	r.Page, r.Currency = mapped.Page, row.Of(mapped.Currency)
	r.Unmapped = s.mapping.Unmapped(event, &mapped)
	r.Product = product(&mapped.Product)
	r.Kind = mapped.Kind
	for i := range mapped.More {
		r.More = append(r.More, product(&mapped.More[i]))
	}
	s.judge()
	for i := range r.More {
		s.removeImplausible(&r.More[i])
	}
}

func product(p *mapping.Product) row.Product {
	return row.Product{
		Kind: p.Kind, Item: row.Of(p.Item), Category: row.Of(p.Category), Price: p.Price, Quantity: p.Quantity,
		HasPrice: p.HasPrice, HasQuantity: p.HasQuantity,
	}
}

// judge finds the reason of a line whose content is known: personal data, refund, amount above the limits.
func (s *Scanner) judge() {
	r, content := &s.row, s.contentReason()
	switch {
	case r.Reason == row.WithoutSession && r.Kind != "purchase":
		r.Reason = row.NoSession
	case r.Reason == row.WithoutSession && content != row.Event:
		r.Reason = content
	case r.Reason == row.Event && content != row.Event:
		r.Reason = s.onTheDay(content)
	}
}

func (s *Scanner) contentReason() row.Reason {
	r := &s.row
	negative := r.HasPrice && r.Price < 0 || r.HasQuantity && r.Quantity < 0
	switch {
	case s.personal.Detects(s.freeTexts()):
		return row.PersonalData
	case negative && (r.Kind == "purchase" || r.Kind == "purchase_item"):
		return row.Refund
	case negative, r.HasPrice && r.Price > s.config.MaxPrice, r.HasQuantity && r.Quantity > s.config.MaxQuantity:
		return row.Amount
	}
	return row.Event
}

// removeImplausible removes negative and excessive amounts: a discount that is sent as a product keeps its order.
func (s *Scanner) removeImplausible(p *row.Product) {
	p.HasPrice = p.HasPrice && p.Price >= 0 && p.Price <= s.config.MaxPrice
	p.HasQuantity = p.HasQuantity && p.Quantity >= 0 && p.Quantity <= s.config.MaxQuantity
	if !p.HasPrice {
		p.Price = 0
	}
	if !p.HasQuantity {
		p.Quantity = 0
	}
}

// Bucket returns where a row meets the other rows of its event id.
func Bucket(r *row.Row, buckets int) int {
	hash := r.Hash
	if r.Reason == row.Event {
		hash = line.Hash([]byte(r.EventID), line.Seed)
	}
	return share(hash, buckets)
}

// SessionBucket returns where a row meets the other rows of its session. Buckets are ranges of sessions: rows that are sorted in
// each of them are sorted in all of them.
func SessionBucket(r *row.Row, buckets int) int {
	hash := r.Hash
	if r.Reason == row.Event {
		hash = binary.BigEndian.Uint64(r.Session.Value[:])
	}
	return share(hash, buckets)
}

// share returns the part of all 64-bit numbers, of n equal ones, in which a number lies.
func share(number uint64, n int) int {
	part, _ := bits.Mul64(number, uint64(n))
	return int(part)
}
