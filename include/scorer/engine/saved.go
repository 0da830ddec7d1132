package engine

import "slices"

// Saved is one row's inputs, kept apart from any row: Row.Save takes them, Row.Load gives them back.
type Saved struct {
	numbers []float64
	texts   []string
	given   []byte
	vectors []savedVector
}

type savedVector struct {
	dense  []float64
	thin   bool
	sparse SparseVector
}

// Save copies the inputs that were set since the last Reset.
func (r *Row) Save() *Saved {
	s := &Saved{}
	for _, c := range r.plan.inputs {
		s.given = append(s.given, r.given[c.given])
		if c.number >= 0 {
			s.numbers = append(s.numbers, r.numbers[c.number])
		}
		if c.text >= 0 {
			s.texts = append(s.texts, string(slices.Clone([]byte(r.texts[c.text]))))
		}
		var v savedVector
		if c.dense >= 0 {
			v.dense, v.thin = slices.Clone(r.doubles[c.dense:c.dense+c.Width]), r.thin[c.thin]
		}
		if c.sparse >= 0 {
			v.sparse.Index = slices.Clone(r.sparse[c.sparse].Index)
			v.sparse.Value = slices.Clone(r.sparse[c.sparse].Value)
		}
		s.vectors = append(s.vectors, v)
	}
	return s
}

// Load sets the plan's inputs from saved ones of the same plan.
func (r *Row) Load(s *Saved) {
	r.Reset()
	numbers, texts := s.numbers, s.texts
	for i, c := range r.plan.inputs {
		r.given[c.given] = s.given[i]
		if c.number >= 0 {
			r.numbers[c.number], numbers = numbers[0], numbers[1:]
		}
		if c.text >= 0 {
			r.texts[c.text], texts = texts[0], texts[1:]
		}
		if c.dense >= 0 {
			copy(r.doubles[c.dense:c.dense+c.Width], s.vectors[i].dense)
			r.thin[c.thin] = s.vectors[i].thin
		}
		if c.sparse >= 0 {
			v := VectorOut{slot: c.sparse}.SparseOf(r)
			v.Index = append(v.Index, s.vectors[i].sparse.Index...)
			v.Value = append(v.Value, s.vectors[i].sparse.Value...)
		}
	}
}
