package features

// measure reads a whole number from an event; the result is divided by scale.
type measure struct {
	of    func(r *row) (value int64, ok bool)
	scale int64
}

var measures = map[string]measure{
	"price":    {func(r *row) (int64, bool) { return r.cents, r.priced }, 100},
	"quantity": {func(r *row) (int64, bool) { return r.quantity, r.counted }, 1},
	"amount":   {func(r *row) (int64, bool) { return r.amount, r.hasAmount }, 100},
}

// summary contains aggregates of a measure over a view.
type summary struct{ n, sum, min, max, last int64 }

func (s *State) summarise(v int, m *measure) summary {
	var result summary
	for _, i := range s.views[v] {
		value, ok := m.of(&s.rows[i])
		if !ok {
			continue
		}
		if result.n == 0 {
			result.min, result.max = value, value
		}
		result.n++
		result.sum += value
		result.min, result.max, result.last = min(result.min, value), max(result.max, value), value
	}
	return result
}

func compileValue(p *Program, f *Feature) evaluator {
	v, m := p.viewOf(f), measures[f.Of]
	return number(func(s *State) float64 {
		result := s.summarise(v, &m)
		if result.n == 0 {
			return f.Missing
		}
		switch f.Op {
		case "sum":
			return ratio(result.sum, m.scale, f.Missing)
		case "min":
			return ratio(result.min, m.scale, f.Missing)
		case "max":
			return ratio(result.max, m.scale, f.Missing)
		case "last":
			return ratio(result.last, m.scale, f.Missing)
		}
		return ratio(result.sum, m.scale*result.n, f.Missing)
	})
}

func compileCartValue(p *Program, f *Feature) evaluator {
	added, removed := p.view(f.scope, 1<<CartAdd, allBits), p.view(f.scope, 1<<CartRemove, allBits)
	amount := measures["amount"]
	return number(func(s *State) float64 {
		return ratio(s.summarise(added, &amount).sum-s.summarise(removed, &amount).sum, amount.scale, 0)
	})
}
