// Package mapping maps events to kinds, pages, items and amounts by a site's event mapping.
package mapping

import (
	"encoding/json"
	"fmt"
)

// Spec is the event mapping of a site, as `leapline.events.mapping` describes and validates it.
type Spec struct {
	Session    [][]Source          `json:"session"` // alternatives, each of which is one id or several that are joined
	Visitor    [][]Source          `json:"visitor"`
	Internal   map[string][]string `json:"internal"`
	Consent    []Test              `json:"consent"`
	Bot        []Test              `json:"bot"`
	BotColumns map[string][]string `json:"bot_columns"`
	Pages      []Page              `json:"pages"`
	Rules      []Rule              `json:"rules"`
}

// Source is where a value comes from: a column, perhaps with a pattern, a field of the self-describing event, or one of an
// entity.
type Source struct {
	Column  string `json:"column"`
	Pattern string `json:"pattern"`
	Event   string `json:"event"`
	Entity  string `json:"entity"`
	Field   string `json:"field"`
}

// UnmarshalJSON reads an object, or a column's name.
func (s *Source) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &s.Column)
	}
	type object Source
	return json.Unmarshal(text, (*object)(s))
}

// Test is a test for one of some values in a column, or in a field of an entity.
type Test struct {
	Column string   `json:"column"`
	Entity string   `json:"entity"`
	Field  string   `json:"field"`
	Values []string `json:"values"`
}

// Page is the kind of the pages whose path matches.
type Page struct {
	Path string `json:"path"`
	Page string `json:"page"`
}

// Condition is met by one of some values, or by a match of a pattern.
type Condition struct {
	Source Source `json:"source"`
	Is     Is     `json:"is"`
}

// Is has the values of a condition, or its pattern.
type Is struct {
	Values  []string
	Pattern string
}

// UnmarshalJSON reads a list of values, or {"pattern": ...}.
func (is *Is) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, &is.Values)
	}
	var object struct{ Pattern string }
	err := json.Unmarshal(text, &object)
	is.Pattern = object.Pattern
	return err
}

// Products names the entities that describe the products of an event, and their fields.
type Products struct {
	Entity   string `json:"entity"`
	Item     string `json:"item"`
	Category string `json:"category"`
	Price    string `json:"price"`
	Quantity string `json:"quantity"`
	Currency string `json:"currency"`
	Kind     string `json:"kind"`
}

// Rule is the kind of the events that meet all conditions, and where their values come from.
type Rule struct {
	When         []Condition `json:"when"`
	Kind         string      `json:"kind"`
	Page         string      `json:"page"`
	Item         *Source     `json:"item"`
	Category     *Source     `json:"category"`
	Price        *Source     `json:"price"`
	Quantity     *Source     `json:"quantity"`
	BasePrice    *Source     `json:"base_price"`
	Currency     *Source     `json:"currency"`
	BaseCurrency *Source     `json:"base_currency"`
	Order        *Source     `json:"order"`
	Products     *Products   `json:"products"`
}

// Columns are the places of the columns that a mapping can name.
type Columns map[string]int

func (c Columns) place(name string) (int, error) {
	place, ok := c[name]
	if !ok {
		return 0, fmt.Errorf("event mapping: no column of an enriched event is named %q", name)
	}
	return place, nil
}
