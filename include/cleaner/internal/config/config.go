// Package config has the options of cleaning a day, as the step `extract` passes them to each task.
package config

import (
	"encoding/json"
	"fmt"

	"leapline/cleaner/internal/mapping"
	"leapline/cleaner/internal/personal"
)

// Config has the options; times are microseconds since 1970, spans microseconds.
type Config struct {
	From             int64             `json:"from"`  // start of the look-back
	Start            int64             `json:"start"` // of the day
	Rest             int64             `json:"rest"`  // end of the hours that the look-ahead of the day before covers
	End              int64             `json:"end"`   // of the day
	Until            int64             `json:"until"` // end of the look-ahead
	Skew             int64             `json:"skew"`  // how far an event may lie after its arrival
	BrokenClock      int64             `json:"broken_clock"`
	Grace            int64             `json:"grace"` // maximum time from an event to its arrival
	MaxSession       int64             `json:"max_session"`
	MaxSessionEvents int32             `json:"max_session_events"`
	Widths           [2]int            `json:"widths"` // smallest and largest accepted number of columns
	ConsentRequired  bool              `json:"consent_required"`
	DetectNumbers    bool              `json:"detect_numbers"`
	MaxPrice         float64           `json:"max_price"`
	MaxQuantity      int32             `json:"max_quantity"`
	Key              []byte            `json:"key"`        // of the pseudonyms
	FormerKey        []byte            `json:"former_key"` // under which erased visitors and earlier orders are recognised too
	Erased           [][]byte          `json:"erased"`     // pseudonyms of visitors whose events must not be kept
	Buckets          int               `json:"buckets"`    // between two stages
	Columns          []string          `json:"columns"`    // of an enriched event
	Typed            []string          `json:"typed"`      // columns that a source of typed columns sends
	Mapping          mapping.Spec      `json:"mapping"`
	Patterns         personal.Patterns `json:"patterns"`
	Kinds            []string          `json:"kinds"`       // of clean events
	Repeated         []string          `json:"repeated"`    // ids of events that are dropped because their order was counted before
	Placed           map[string][]byte `json:"placed"`      // id of an event without a session -> the session's pseudonym
	Names            []string          `json:"names"`       // of unmapped pages and events whose visitors are listed
	Features         string            `json:"features"`    // the feature spec of examples
	PerSession       int               `json:"per_session"` // maximum number of examples of a session

	typed []int
}

// Parse reads the options.
func Parse(text []byte) (*Config, error) {
	config := &Config{}
	if err := json.Unmarshal(text, config); err != nil {
		return nil, fmt.Errorf("options of cleaning: %w", err)
	}
	return config, nil
}

// ColumnsRead returns the places of the columns that a source of typed columns sends.
func (c *Config) ColumnsRead() []int {
	if c.typed == nil {
		places := c.Places()
		for _, name := range c.Typed {
			c.typed = append(c.typed, places[name])
		}
	}
	return c.typed
}

// Places returns the place of each column.
func (c *Config) Places() mapping.Columns {
	places := mapping.Columns{}
	for i, name := range c.Columns {
		places[name] = i
	}
	return places
}
