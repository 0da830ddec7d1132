package entity

import "slices"

// Entity is an entity of `contexts`: its schema, and the fields of its data that are read, nil for null and absent ones.
type Entity struct {
	Schema []byte
	Data   [][]byte
}

// Reader reads the JSON columns of one event after another, and reuses its memory: results are valid until the next Reset.
type Reader struct {
	reader   reader
	entities []Entity
	values   [][]byte
}

// Reset forgets the results of the previous event.
func (r *Reader) Reset() {
	r.reader.space = r.reader.space[:0]
	r.entities, r.values = r.entities[:0], r.values[:0]
}

// Entities returns the entities of a document {"data": [{"schema": ..., "data": {...}}]}; nil unless it is one, and for text that
// is not valid JSON.
//
// An entry null, and data that are no object, have no values. Of members with one name the last counts.
func (r *Reader) Entities(text []byte, fields map[string]int) []Entity {
	first, onlyObjects := len(r.entities), true
	if !r.data(text, func() bool {
		r.entities, onlyObjects = r.entities[:first], true
		if r.reader.peek() != '[' {
			return r.reader.skip(0)
		}
		return r.reader.elements(func() bool {
			c := r.reader.peek()
			onlyObjects = onlyObjects && (c == '{' || c == 'n')
			entry, ok := r.entity(fields)
			r.entities = append(r.entities, entry)
			return ok
		})
	}) || !onlyObjects {
		r.entities = r.entities[:first]
		return nil
	}
	return r.entities[first:len(r.entities):len(r.entities)]
}

// Event returns the fields of a self-describing event {"data": {"schema": ..., "data": {...}}}, nil unless it is one.
func (r *Reader) Event(text []byte, fields map[string]int) [][]byte {
	var event Entity
	if !r.data(text, func() bool {
		var ok bool
		event, ok = r.entity(fields)
		return ok
	}) {
		return nil
	}
	return event.Data
}

// data reads a document; f reads the value of its member `data`.
func (r *Reader) data(text []byte, f func() bool) bool {
	r.reader.text, r.reader.at = text, 0
	r.reader.blank()
	ok := r.reader.members(func(key []byte) bool {
		if string(key) == "data" {
			return f()
		}
		return r.reader.skip(0)
	})
	r.reader.blank()
	return ok && r.reader.at == len(text)
}

func (r *Reader) entity(fields map[string]int) (Entity, bool) {
	var entity Entity
	if r.reader.peek() != '{' {
		return entity, r.reader.skip(0)
	}
	ok := r.reader.members(func(key []byte) bool {
		var ok bool
		switch string(key) {
		case "schema":
			entity.Schema, ok = r.reader.value()
		case "data":
			entity.Data, ok = r.fields(fields)
		default:
			ok = r.reader.skip(0)
		}
		return ok
	})
	return entity, ok
}

// fields reads the values of an object's members that are fields.
func (r *Reader) fields(fields map[string]int) ([][]byte, bool) {
	if r.reader.peek() != '{' {
		return nil, r.reader.skip(0)
	}
	first := len(r.values)
	r.values = slices.Grow(r.values, len(fields))[:first+len(fields)]
	values := r.values[first:len(r.values):len(r.values)]
	clear(values)
	ok := r.reader.members(func(key []byte) bool {
		place, known := fields[string(key)]
		if !known {
			return r.reader.skip(0)
		}
		var ok bool
		values[place], ok = r.reader.value()
		return ok
	})
	return values, ok
}
