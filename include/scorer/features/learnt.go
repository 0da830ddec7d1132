package features

// states are those of the Markov chains; start is before the first.
var (
	stateNames = []string{
		"home_page", "category_page", "item_page", "search_page", "cart_page", "other_page",
		"item_view", "cart_add", "cart_remove", "search",
	}
	beforeNames = append([]string{"start"}, stateNames...)
)

// chain is a table of log-odds in whole millionths, by the state before (0 is the start) and the state after.
type chain [11][10]int64

// state gives the number of a row's state; false where it has none.
func (r *row) state() (int, bool) {
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
		total, before := int64(0), 0
		for i := range s.rows {
			if after, known := s.rows[i].state(); known {
				total += table[before][after]
				before = after + 1
			}
		}
		return float64(total) / 1_000_000
	})
}

func compilePopular(p *Program, f *Feature) evaluator {
	words := p.Spec.Vocabularies[f.Vocabulary]
	if len(words) < f.K {
		return number(func(*State) float64 { return 0 })
	}
	g, word := p.grouping(f), words[f.K-1]
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

// entityNamed finds an entity of a grouping, nil if it is not there.
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
