package mapping

import (
	"bytes"

	"leapline/cleaner/internal/java"
)

// source is a compiled Source: it reads one value of an event, nil for a missing one.
type source func(e *Event) []byte

func nothing(*Event) []byte { return nil }

func (c *compiler) source(spec *Source) source {
	if spec == nil {
		return nothing
	}
	switch {
	case spec.Event != "":
		field := place(c.mapping.EventFields, spec.Event)
		return func(e *Event) []byte { return value(e.Data, field) }
	case spec.Entity != "":
		field, schema := place(c.mapping.EntityFields, spec.Field), prefix(spec.Entity)
		return func(e *Event) []byte {
			for _, entity := range e.Entities {
				if isOf(entity, schema) {
					return value(entity.Data, field)
				}
			}
			return nil
		}
	}
	column := c.column(spec.Column)
	if spec.Pattern == "" {
		return func(e *Event) []byte { return e.Field(column) }
	}
	pattern := c.pattern(spec.Pattern)
	return func(e *Event) []byte {
		text := e.Field(column)
		if text == nil {
			return nil
		}
		if group := pattern.FirstGroup(string(text)); group != "" {
			return []byte(group)
		}
		return nil
	}
}

func (c *compiler) identity(alternatives [][]Source) [][]source {
	var compiled [][]source
	for _, parts := range alternatives {
		var sources []source
		for i := range parts {
			sources = append(sources, c.source(&parts[i]))
		}
		compiled = append(compiled, sources)
	}
	return compiled
}

// identity returns the first alternative whose parts all have a value, joined by colons.
func identity(alternatives [][]source, e *Event) []byte {
	for _, sources := range alternatives {
		id := ID(sources[0](e))
		for _, source := range sources[1:] {
			part := ID(source(e))
			if id == nil || part == nil {
				id = nil
				break
			}
			id = append(append(bytes.Clone(id), ':'), part...)
		}
		if id != nil {
			return id
		}
	}
	return nil
}

// ID returns an id, nil for a text that only stands for a missing one: zeros, `null` in any case, and the like.
func ID(text []byte) []byte {
	if text == nil {
		return nil
	}
	trimmed := bytes.Trim(text, " ")
	if len(trimmed) > 36 && bytes.IndexFunc(trimmed, func(r rune) bool { return r != '0' && r != '-' }) >= 0 {
		return text
	}
	switch java.BeforeLineEnd(string(bytes.ToLower(trimmed))) {
	case `\n`, "null", "(null", "null)", "(null)", "none", "nil", "undefined", "nan", "n/a":
		return nil
	}
	for _, c := range []byte(java.BeforeLineEnd(string(trimmed))) {
		if c != '0' && c != '-' {
			return text
		}
	}
	return nil
}
