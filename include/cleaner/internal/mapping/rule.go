package mapping

import (
	"math"

	"leapline/cleaner/internal/entity"
	"leapline/cleaner/internal/java"
)

const (
	maxText    = 200  // characters of an item's or category's name
	maxAmount  = 1e12 // larger numbers are no amounts
	noCurrency = "XXX"
)

// Product is a row's product. Item, Category and Currency are nil for null.
type Product struct {
	Kind                     string // of the rows of further products
	Item, Category, Currency []byte
	Price                    float64
	Quantity                 int32
	HasPrice, HasQuantity    bool
}

// Mapped is an event's meaning.
type Mapped struct {
	Product
	Kind  string
	Page  string // empty for events that have no page
	Order []byte
	More  []Product // rows of further products
}

type condition struct {
	source  source
	values  []string
	pattern *java.Pattern
}

func (c condition) isMet(e *Event) bool {
	text := c.source(e)
	if c.pattern == nil {
		return isOneOf(text, c.values)
	}
	return text != nil && c.pattern.Matches(string(text))
}

type products struct {
	schema                                    string
	item, category, price, quantity, currency int
	kind                                      string
}

type rule struct {
	when                            []condition
	kind, page                      string
	item, category, price, quantity source
	basePrice, baseCurrency         source // basePrice is nil if the rule has none
	currency, order                 source
	products                        *products
}

func (c *compiler) rule(spec *Rule) rule {
	r := rule{
		kind: spec.Kind, page: spec.Page, order: c.source(spec.Order),
		item: c.source(spec.Item), category: c.source(spec.Category), price: c.source(spec.Price),
		quantity: c.source(spec.Quantity), currency: c.source(spec.Currency), baseCurrency: c.source(spec.BaseCurrency),
	}
	if spec.BasePrice != nil {
		r.basePrice = c.source(spec.BasePrice)
	}
	for i := range spec.When {
		compiled := condition{source: c.source(&spec.When[i].Source), values: spec.When[i].Is.Values}
		if spec.When[i].Is.Values == nil {
			compiled.pattern = c.pattern(spec.When[i].Is.Pattern)
		}
		r.when = append(r.when, compiled)
	}
	if p := spec.Products; p != nil {
		fields := c.mapping.EntityFields
		r.products = &products{
			prefix(p.Entity), place(fields, p.Item), place(fields, p.Category), place(fields, p.Price), place(fields, p.Quantity),
			place(fields, p.Currency), p.Kind,
		}
	}
	return r
}

// Map returns an event's meaning; the first rule whose conditions are met decides.
func (m *Mapping) Map(e *Event) Mapped {
	mapped := Mapped{Kind: "other"}
	rule := m.firstMatch(e)
	if rule != nil {
		mapped = rule.mapped(e)
	}
	if mapped.Kind == "page_view" || mapped.Kind == "item_view" {
		mapped.Page = m.page(rule, e)
	}
	return mapped
}

func (m *Mapping) firstMatch(e *Event) *rule {
next:
	for i := range m.rules {
		for _, condition := range m.rules[i].when {
			if !condition.isMet(e) {
				continue next
			}
		}
		return &m.rules[i]
	}
	return nil
}

func (m *Mapping) page(r *rule, e *Event) string {
	if r != nil && r.page != "" {
		return r.page
	}
	path := e.Field(m.pagePath)
	if page, ok := m.paths[string(path)]; ok {
		return page
	}
	if len(m.paths) >= rememberedPaths {
		clear(m.paths)
	}
	page := m.pageOf(string(path))
	m.paths[string(path)] = page
	return page
}

func (m *Mapping) pageOf(path string) string {
	for _, page := range m.pages {
		if page.path.MatchesNew(path) {
			return page.page
		}
	}
	return "other"
}

func (r *rule) mapped(e *Event) Mapped {
	mapped := Mapped{Kind: r.kind, Order: ID(r.order(e))}
	listed := r.listed(e.Entities)
	switch {
	case r.products != nil && r.products.kind == "":
		if len(listed) > 0 {
			mapped.Product, mapped.More = listed[0], listed[1:]
		}
	default:
		mapped.Product, mapped.More = r.own(e), listed
	}
	if mapped.Currency == nil && len(listed) > 0 {
		mapped.Currency = listed[0].Currency
	}
	mapped.Currency = currency(mapped.Currency)
	for i := range mapped.More {
		mapped.More[i].Kind = r.kind
		if r.products.kind != "" {
			mapped.More[i].Kind = r.products.kind
		}
	}
	return mapped
}

func (r *rule) listed(entities []entity.Entity) []Product {
	if r.products == nil {
		return nil
	}
	p, listed := r.products, []Product(nil)
	for _, e := range entities {
		if isOf(e, p.schema) {
			listed = append(listed, product(value(e.Data, p.item), value(e.Data, p.category), value(e.Data, p.price),
				value(e.Data, p.quantity), value(e.Data, p.currency)))
		}
	}
	return listed
}

// own returns the event's own product; the amount in the shop's own currency is preferred.
func (r *rule) own(e *Event) Product {
	price, unit := r.price, r.currency
	if r.basePrice != nil {
		if base := r.basePrice(e); base != nil {
			if _, ok := java.Double(string(base)); ok {
				price, unit = r.basePrice, r.baseCurrency
			}
		}
	}
	return product(r.item(e), r.category(e), price(e), r.quantity(e), unit(e))
}

func product(item, category, price, quantity, unit []byte) Product {
	p := Product{Item: name(item), Category: name(category), Currency: name(unit)}
	if price != nil {
		amount, ok := java.Double(string(price))
		p.Price, p.HasPrice = amount, ok && math.Abs(amount) < maxAmount
	}
	if quantity != nil {
		if number, ok := java.Double(string(quantity)); ok {
			p.Quantity, p.HasQuantity = java.DoubleToInt(number)
		}
	}
	return p
}

// name returns a text without spaces at its ends and of a limited length, nil if nothing is left.
func name(text []byte) []byte {
	trimmed := java.Trim(java.Prefix(java.Trim(string(text)), maxText))
	if trimmed == "" {
		return nil
	}
	return []byte(trimmed)
}

// currency returns a currency's code. The counts of a day name currencies, so any other text is `XXX`.
func currency(text []byte) []byte {
	if text == nil {
		return nil
	}
	upper := java.Upper(string(text))
	code := java.BeforeLineEnd(upper)
	if len(code) != 3 || code[0]-'A' > 25 || code[1]-'A' > 25 || code[2]-'A' > 25 {
		return []byte(noCurrency)
	}
	return []byte(upper)
}
