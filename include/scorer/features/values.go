package features

// measure reads a whole number of an event, and what it is to be divided by in the end.
type measure struct {
	of    func(r *row) (value int64, there bool)
	scale int64
}

var measures = map[string]measure{
	"price":    {func(r *row) (int64, bool) { return r.cents, r.priced }, 100},
	"quantity": {func(r *row) (int64, bool) { return r.quantity, r.counted }, 1},
	"amount":   {func(r *row) (int64, bool) { return r.amount, r.hasAmount }, 100},
}

// summary is what the values of a view come to.
type summary struct{ n, sum, least, most, last int64 }

func (s *State) summarise(v int, m *measure) summary {
	var found summary
	for _, i := range s.views[v] {
		value, there := m.of(&s.rows[i])
		if !there {
			continue
		}
		if found.n == 0 {
			found.least, found.most = value, value
		}
		found.n++
		found.sum += value
		found.least, found.most, found.last = min(found.least, value), max(found.most, value), value
	}
	return found
}

func compileValue(p *Program, f *Feature) evaluator {
	v, m := p.chosen(f), measures[f.Of]
	return number(func(s *State) float64 {
		found := s.summarise(v, &m)
		if found.n == 0 {
			return f.Missing
		}
		switch f.Op {
		case "sum":
			return ratio(found.sum, m.scale, f.Missing)
		case "min":
			return ratio(found.least, m.scale, f.Missing)
		case "max":
			return ratio(found.most, m.scale, f.Missing)
		case "last":
			return ratio(found.last, m.scale, f.Missing)
		}
		return ratio(found.sum, m.scale*found.n, f.Missing)
	})
}

func compileCartValue(p *Program, f *Feature) evaluator {
	added, removed := p.view(f.scope, 1<<CartAdd, everything), p.view(f.scope, 1<<CartRemove, everything)
	amount := measures["amount"]
	return number(func(s *State) float64 {
		return ratio(s.summarise(added, &amount).sum-s.summarise(removed, &amount).sum, amount.scale, 0)
	})
}
