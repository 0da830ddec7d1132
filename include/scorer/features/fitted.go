package features

// stateNames are the states of the Markov chains. The previous state may also be start, before the first one.
var (
	stateNames = []string{
		"home_page", "category_page", "item_page", "search_page", "cart_page", "other_page",
		"item_view", "cart_add", "cart_remove", "search",
	}
	previousStateNames = append([]string{"start"}, stateNames...)
)

// transitionTable contains log-odds in whole millionths, by the previous state (0 is start) and the next state.
type transitionTable [11][10]int64

// state returns the index of a row's state; ok is false if it has none.
func (r *row) state() (index int, ok bool) {
	switch Kind(r.kind) {
	case PageView:
		return int(min(r.page, uint8(OtherPage))), true
	case ItemView:
		return 6, true
	case CartAdd:
		return 7, true
	case CartRemove:
		return 8, true
	case Search:
		return 9, true
	}
	return 0, false
}

func compileMarkov(p *Program, _ *Feature) evaluator {
	table := &p.Spec.markov
	return number(func(s *State) float64 {
		total, previous := int64(0), 0
		for i := range s.rows {
			if next, ok := s.rows[i].state(); ok {
				total += table[previous][next]
				previous = next + 1
			}
		}
		return float64(total) / 1_000_000
	})
}

func compilePopular(p *Program, f *Feature) evaluator {
	words, g := p.Spec.Vocabularies[f.Vocabulary], p.vocabulary(f)
	if len(words) < f.K {
		return number(func(*State) float64 { return 0 })
	}
	word := words[f.K-1]
	return number(func(s *State) float64 {
		e := s.entityNamed(g, f.Of, word)
		switch {
		case e == nil:
			return 0
		case f.Give == "clicks":
			return float64(e.clicks)
		}
		return float64(e.dwell) / 1000
	})
}

// entityNamed returns the entity of a grouping with a name, or nil.
func (s *State) entityNamed(grouping int, of, name string) *entity {
	names := &s.items
	if of == "category" {
		names = &s.categories
	}
	id := names.find(name)
	if id < 0 {
		return nil
	}
	for i := range s.groups[grouping] {
		if e := &s.groups[grouping][i]; e.id == id {
			return e
		}
	}
	return nil
}
