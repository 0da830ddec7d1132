package features

import "math/bits"

func compileCount(p *Program, f *Feature) evaluator {
	v := p.viewOf(f)
	return number(func(s *State) float64 { return float64(len(s.views[v])) })
}

func compileCountDistinct(p *Program, f *Feature) evaluator {
	if f.Of == "page" {
		v := p.viewOf(f)
		return number(func(s *State) float64 { return float64(s.distinctPages(v)) })
	}
	g := p.grouping(f)
	return number(func(s *State) float64 { return float64(len(s.groups[g])) })
}

func (s *State) distinctPages(v int) int {
	seen := uint16(0)
	for _, i := range s.views[v] {
		seen |= 1 << s.rows[i].page
	}
	return bits.OnesCount16(seen &^ (1 << NoPage))
}

func compileRepeats(p *Program, f *Feature) evaluator {
	g := p.grouping(f)
	return number(func(s *State) float64 {
		clicks := int64(0)
		for i := range s.groups[g] {
			clicks += s.groups[g][i].clicks
		}
		return float64(clicks - int64(len(s.groups[g])))
	})
}

func compileFraction(p *Program, f *Feature) evaluator {
	selected, all := p.view(f.scope, f.kinds&f.among, f.pages), p.view(f.scope, f.among, allBits)
	return number(func(s *State) float64 {
		return ratio(int64(len(s.views[selected])), int64(len(s.views[all])), f.Missing)
	})
}

func compileFollowed(p *Program, f *Feature) evaluator {
	v := p.viewOf(f)
	return number(func(s *State) float64 {
		n := 0
		for _, i := range s.views[v] {
			next := s.rows[i].next
			follows := next >= 0 && f.nextKinds.has(s.rows[next].kind) && f.nextPages.has(s.rows[next].page)
			if follows != f.Negate {
				n++
			}
		}
		return float64(n)
	})
}
