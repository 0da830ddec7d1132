package features

// scope selects the events of a session that an operation uses.
type scope uint8

const (
	wholeSession scope = iota
	ofItem             // the events with the pair's item
	ofCategories       // the events with a category of those events
)

var scopeNames = []string{"session", "item", "categories"}

// inScope reports whether a scope contains a row.
func (s *State) inScope(of scope, r *row) bool {
	switch of {
	case ofItem:
		return r.item == s.item
	case ofCategories:
		return r.category >= 0 && s.pairCategories[r.category]
	}
	return true
}

// pairKinds are the kinds of events whose item forms a pair with the session.
const pairKinds mask = 1<<ItemView | 1<<CartAdd | 1<<CartRemove

// AppendItems appends the ids of the items that form pairs with an evaluated session, each once.
func (s *State) AppendItems(items []int32) []int32 {
	s.seenItems = append(s.seenItems[:0], make([]bool, len(s.items.names))...)
	for i := range s.rows {
		if r := &s.rows[i]; r.item >= 0 && pairKinds.has(r.kind) && !s.seenItems[r.item] {
			s.seenItems[r.item] = true
			items = append(items, r.item)
		}
	}
	return items
}

// ItemName returns the name of an item id that AppendItems has returned.
func (s *State) ItemName(item int32) string { return s.items.names[item] }

// EvaluatePair computes the features whose scope is not the session, for an evaluated session and one of its items.
func (s *State) EvaluatePair(item int32) {
	s.item = item
	s.pairCategories = append(s.pairCategories[:0], make([]bool, len(s.categories.names))...)
	for i := range s.rows {
		if r := &s.rows[i]; r.item == item && r.category >= 0 {
			s.pairCategories[r.category] = true
		}
	}
	isPair := func(of scope) bool { return of != wholeSession }
	s.fillViews(isPair)
	s.compute(isPair)
}

func compilePairItem(*Program, *Feature) evaluator {
	return text(func(s *State) string { return s.items.names[s.item] })
}

func compileRelative(p *Program, f *Feature) evaluator {
	pair, session := p.viewOf(f), p.view(wholeSession, f.kinds, f.pages)
	return number(func(s *State) float64 {
		if f.By == "dwell" {
			return ratio(s.dwellOf(pair), s.dwellOf(session), f.Missing)
		}
		return ratio(int64(len(s.views[pair])), int64(len(s.views[session])), f.Missing)
	})
}

func (s *State) dwellOf(view int) int64 {
	total := int64(0)
	for _, i := range s.views[view] {
		total += s.rows[i].dwell
	}
	return total
}
