package features

import (
	"cmp"
	"slices"
)

// rank sorts a grouping's entities in descending order of clicks, then dwell (or vice versa); ties keep the order of the
// first clicks.
func (s *State) rank(k *ranking, into []entity) []entity {
	into = append(into, s.groups[k.grouping]...)
	if k.byDwell {
		slices.SortFunc(into, func(a, b entity) int {
			return cmp.Or(cmp.Compare(b.dwell, a.dwell), cmp.Compare(b.clicks, a.clicks), cmp.Compare(a.first, b.first))
		})
	} else {
		slices.SortFunc(into, func(a, b entity) int {
			return cmp.Or(cmp.Compare(b.clicks, a.clicks), cmp.Compare(b.dwell, a.dwell), cmp.Compare(a.first, b.first))
		})
	}
	return into
}

func compileTopK(p *Program, f *Feature) evaluator {
	r := p.ranking(f)
	if f.Give == "id" {
		return text(func(s *State) string {
			if e := s.top(r, f.K); e != nil {
				return s.nameOf(f.Of, e.id)
			}
			return ""
		})
	}
	return number(func(s *State) float64 {
		e := s.top(r, f.K)
		switch {
		case e == nil || (f.Give == "price" && !e.priced):
			return f.Missing
		case f.Give == "clicks":
			return float64(e.clicks)
		case f.Give == "seconds":
			return float64(e.dwell) / 1000
		}
		return float64(e.cents) / 100
	})
}

// top returns the k-th entity of a ranking, nil if there are fewer.
func (s *State) top(ranking, k int) *entity {
	if ranked := s.ranks[ranking]; k <= len(ranked) {
		return &ranked[k-1]
	}
	return nil
}

func (s *State) nameOf(of string, id int32) string {
	if of == "item" {
		return s.items.names[id]
	}
	return s.categories.names[id]
}

func compileShare(p *Program, f *Feature) evaluator {
	g := p.grouping(f)
	return number(func(s *State) float64 {
		largest, sum := int64(0), int64(0)
		for i := range s.groups[g] {
			n := s.groups[g][i].clicks
			if f.By == "dwell" {
				n = s.groups[g][i].dwell
			}
			largest, sum = max(largest, n), sum+n
		}
		return ratio(largest, sum, f.Missing)
	})
}

func compileClickedAtLeast(p *Program, f *Feature) evaluator {
	g := p.grouping(f)
	return text(func(s *State) string {
		best := int32(-1)
		for i := range s.groups[g] {
			if s.groups[g][i].clicks < int64(f.K) {
				continue
			}
			if best < 0 {
				best = int32(i) // groups are ordered by their first clicks
			}
			if f.At == "last" && s.groups[g][i].last > s.groups[g][best].last {
				best = int32(i)
			}
		}
		if best < 0 {
			return ""
		}
		return s.nameOf(f.Of, s.groups[g][best].id)
	})
}

func compileAttribute(_ *Program, f *Feature) evaluator {
	switch f.Of {
	case "device":
		return text(func(s *State) string { return s.Session.Device })
	case "referrer":
		return text(func(s *State) string { return s.Session.Referrer })
	case "session_index":
		return number(func(s *State) float64 { return float64(s.Session.Index) })
	}
	return number(func(s *State) float64 {
		if s.Session.Index == 1 {
			return 1
		}
		return 0
	})
}
