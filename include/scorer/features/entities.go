package features

// nameIndex assigns ids to names in the order of their first occurrence; "" has the id -1.
type nameIndex struct {
	names   []string
	numbers map[string]int32
}

func (n *nameIndex) reset() {
	clear(n.names)
	n.names = n.names[:0]
	clear(n.numbers)
}

// linearSearchLimit is the number of names up to which a linear search is faster than a map.
const linearSearchLimit = 8

// find returns a name's id, -1 if the name has none.
func (n *nameIndex) find(name string) int32 {
	if len(n.names) > linearSearchLimit {
		if i, ok := n.numbers[name]; ok {
			return i
		}
		return -1
	}
	for i, candidate := range n.names {
		if candidate == name {
			return int32(i)
		}
	}
	return -1
}

// number returns a name's id; it assigns one if the name has none.
func (n *nameIndex) number(name string) int32 {
	if name == "" {
		return -1
	}
	if i := n.find(name); i >= 0 {
		return i
	}
	n.names = append(n.names, name)
	if len(n.names) == linearSearchLimit+1 {
		for i, name := range n.names {
			n.numbers[name] = int32(i)
		}
	} else if len(n.names) > linearSearchLimit {
		n.numbers[name] = int32(len(n.names) - 1)
	}
	return int32(len(n.names) - 1)
}

// pairIndex assigns ids to pairs of an item and a category, either of which may be absent.
type pairIndex struct {
	numbers map[[2]int32]int32
	enabled bool
}

func (p *pairIndex) reset() { clear(p.numbers) }

func (p *pairIndex) number(item, category int32) int32 {
	if !p.enabled || (item < 0 && category < 0) {
		return -1
	}
	key := [2]int32{item, category}
	n, ok := p.numbers[key]
	if !ok {
		n = int32(len(p.numbers))
		p.numbers[key] = n
	}
	return n
}

// entity aggregates the events of a view that have one item (category, pair): the number of clicks, their dwell time in
// milliseconds, the rows of the first and the last click, and the last price.
type entity struct {
	id, first, last      int32
	clicks, dwell, cents int64
	priced               bool
}

// grouping groups the events of a view by item, category or both.
type grouping struct {
	view int
	of   string // item, category or item_category
}

// entity returns the id by which a row is grouped, -1 if it has none.
func (r *row) entity(of string) int32 {
	switch of {
	case "item":
		return r.item
	case "category":
		return r.category
	}
	return r.pair
}

// group returns a grouping's entities, in the order of their first clicks.
func (s *State) group(g *grouping, into []entity) []entity {
	clear(s.places)
	for _, i := range s.views[g.view] {
		r := &s.rows[i]
		id := r.entity(g.of)
		if id < 0 {
			continue
		}
		for int(id) >= len(s.places) {
			s.places = append(s.places, 0)
		}
		if s.places[id] == 0 {
			into = append(into, entity{id: id, first: i})
			s.places[id] = int32(len(into))
		}
		e := &into[s.places[id]-1]
		e.clicks++
		e.dwell += r.dwell
		e.last = i
		if r.priced {
			e.cents, e.priced = r.cents, true
		}
	}
	return into
}
