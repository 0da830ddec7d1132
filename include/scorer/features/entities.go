package features

// numbering numbers texts in the order in which they are met; "" has the number -1.
type numbering struct {
	names   []string
	numbers map[string]int32
}

func (n *numbering) reset() {
	clear(n.names)
	n.names = n.names[:0]
	clear(n.numbers)
}

// few is up to how many names comparing with each is quicker than looking up.
const few = 8

// find gives a name's number, -1 if it was not met.
func (n *numbering) find(name string) int32 {
	if len(n.names) > few {
		if i, known := n.numbers[name]; known {
			return i
		}
		return -1
	}
	for i, known := range n.names {
		if known == name {
			return int32(i)
		}
	}
	return -1
}

func (n *numbering) number(name string) int32 {
	if name == "" {
		return -1
	}
	if i := n.find(name); i >= 0 {
		return i
	}
	n.names = append(n.names, name)
	if len(n.names) == few+1 {
		for i, known := range n.names {
			n.numbers[known] = int32(i)
		}
	} else if len(n.names) > few {
		n.numbers[name] = int32(len(n.names) - 1)
	}
	return int32(len(n.names) - 1)
}

// pairing numbers pairs of an item and a category, of which either may be absent.
type pairing struct {
	numbers map[[2]int32]int32
	wanted  bool
}

func (p *pairing) reset() { clear(p.numbers) }

func (p *pairing) number(item, category int32) int32 {
	if !p.wanted || (item < 0 && category < 0) {
		return -1
	}
	key := [2]int32{item, category}
	n, known := p.numbers[key]
	if !known {
		n = int32(len(p.numbers))
		p.numbers[key] = n
	}
	return n
}

// entity is one item (category, pair) among a view's events: its clicks, their dwell, the first and the last of them, and
// the last price.
type entity struct {
	id, first, last      int32
	clicks, dwell, cents int64
	priced               bool
}

// grouping is a view's events by what they are about.
type grouping struct {
	view int
	of   string // item, category or item_category
}

func (r *row) entity(of string) int32 {
	switch of {
	case "item":
		return r.item
	case "category":
		return r.category
	}
	return r.pair
}

// group collects a grouping's entities, in the order in which they are met.
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
