package mapping

import (
	"bytes"

	"leapline/cleaner/internal/entity"
)

// Fields has the columns of an event; nil stands for a missing value.
type Fields interface{ Field(n int) []byte }

// Event is what a mapping reads of an event.
type Event struct {
	Fields
	Entities []entity.Entity // of `contexts`, with the fields of Mapping.EntityFields
	Derived  []entity.Entity // of `derived_contexts`, with the fields of Mapping.BotFields
	Data     [][]byte        // the self-describing event's values, of the fields of Mapping.EventFields
}

func value(data [][]byte, place int) []byte {
	if place < len(data) {
		return data[place]
	}
	return nil
}

// isOf reports whether an entity has a schema of a prefix `iglu:vendor/name/`.
func isOf(e entity.Entity, prefix string) bool {
	return len(e.Schema) >= len(prefix) && string(e.Schema[:len(prefix)]) == prefix
}

func isOneOf(text []byte, values []string) bool {
	if text == nil {
		return false
	}
	for _, value := range values {
		if string(text) == value {
			return true
		}
	}
	return false
}

// test is a compiled Test.
type test struct {
	column       int // -1 for an entity
	name, prefix string
	field        int
	values       []string
}

func (t test) passes(e *Event, entities []entity.Entity) bool {
	if t.column >= 0 {
		return isOneOf(e.Field(t.column), t.values)
	}
	for _, entity := range entities {
		if isOf(entity, t.prefix) && isOneOf(value(entity.Data, t.field), t.values) {
			return true
		}
	}
	return false
}

// mayPass reports whether a JSON text can contain the entity with one of the values, so that most texts need no reading.
func (t test) mayPass(text []byte) bool {
	if t.column >= 0 || !bytes.Contains(text, []byte(t.name)) {
		return false
	}
	for _, value := range t.values {
		if bytes.Contains(text, []byte(value)) {
			return true
		}
	}
	return false
}
