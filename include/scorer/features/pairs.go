package features

// scope says which of a session's events an operation looks at.
type scope uint8

const (
	wholeSession scope = iota
	ofItem             // the events that name the pair's item
	ofCategories       // the events of the categories that those name
)

var scopeNames = []string{"session", "item", "categories"}

// inScope says whether an operation of that scope looks at a row.
func (s *State) inScope(of scope, r *row) bool {
	switch of {
	case ofItem:
		return r.item == s.item
	case ofCategories:
		return r.category >= 0 && s.inPair[r.category]
	}
	return true
}

// pairKinds are the kinds of events whose item makes a pair with its session.
const pairKinds mask = 1<<ItemView | 1<<CartAdd | 1<<CartRemove

// AppendItems appends the numbers of the items that make pairs with an evaluated session, each once.
func (s *State) AppendItems(items []int32) []int32 {
	s.met = append(s.met[:0], make([]bool, len(s.items.names))...)
	for i := range s.rows {
		if r := &s.rows[i]; r.item >= 0 && pairKinds.has(r.kind) && !s.met[r.item] {
			s.met[r.item] = true
			items = append(items, r.item)
		}
	}
	return items
}

// ItemName is the name of an item that AppendItems gave.
func (s *State) ItemName(item int32) string { return s.items.names[item] }

// EvaluatePair computes the other features, of an evaluated session and one of its items.
func (s *State) EvaluatePair(item int32) {
	s.item = item
	s.inPair = append(s.inPair[:0], make([]bool, len(s.categories.names))...)
	for i := range s.rows {
		if r := &s.rows[i]; r.item == item && r.category >= 0 {
			s.inPair[r.category] = true
		}
	}
	ofPair := func(of scope) bool { return of != wholeSession }
	s.look(ofPair)
	s.compute(ofPair)
}

func compilePairItem(*Program, *Feature) evaluator {
	return text(func(s *State) string { return s.items.names[s.item] })
}

func compileRelative(p *Program, f *Feature) evaluator {
	part, whole := p.chosen(f), p.view(wholeSession, f.kinds, f.pages)
	return number(func(s *State) float64 {
		if f.By == "dwell" {
			return ratio(s.dwellOf(part), s.dwellOf(whole), f.Missing)
		}
		return ratio(int64(len(s.views[part])), int64(len(s.views[whole])), f.Missing)
	})
}

func (s *State) dwellOf(view int) int64 {
	total := int64(0)
	for _, i := range s.views[view] {
		total += s.rows[i].dwell
	}
	return total
}
