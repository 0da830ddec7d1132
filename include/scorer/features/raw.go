package features

// Training computes the examples of a day before it fits vocabularies and tables. It therefore keeps what the fitted features
// are computed from: the clicks on each entity of a vocabulary's kind, and the states.

// Vocabulary is a list of items or categories that training fits.
type Vocabulary struct {
	Name     string
	of       string
	grouping int
}

// Clicks are the selected events on an item or a category.
type Clicks struct {
	ID     string `json:"id"`
	Clicks int64  `json:"clicks"`
	Millis int64  `json:"ms"`
}

// IsFitted reports whether training fits a part of the spec that the feature needs.
func (f *Feature) IsFitted() bool { return f.Op == "popular" || f.Op == "markov" }

// OfSession reports whether the feature is the same for all items of a session.
func (f *Feature) OfSession() bool { return f.scope == wholeSession }

// Vocabularies returns the vocabularies in the order in which the features use them, each once.
func (p *Program) Vocabularies() []Vocabulary { return p.vocabularies }

// vocabulary returns the grouping of a feature's vocabulary.
func (p *Program) vocabulary(f *Feature) int {
	for _, v := range p.vocabularies {
		if v.Name == f.Vocabulary {
			return v.grouping
		}
	}
	v := Vocabulary{f.Vocabulary, f.Of, p.grouping(f)}
	p.vocabularies = append(p.vocabularies, v)
	return v.grouping
}

// AppendClicks appends the clicks that fit a vocabulary, in the order of the first ones.
func (s *State) AppendClicks(clicks []Clicks, v *Vocabulary) []Clicks {
	for i := range s.groups[v.grouping] {
		e := &s.groups[v.grouping][i]
		clicks = append(clicks, Clicks{s.nameOf(v.of, e.id), e.clicks, e.dwell})
	}
	return clicks
}

// AppendStates appends the session's states in order, a letter each: a is the first of the Markov chains' states.
func (s *State) AppendStates(text []byte) []byte {
	for i := range s.rows {
		if state, ok := s.rows[i].state(); ok {
			text = append(text, 'a'+byte(state))
		}
	}
	return text
}
