package engine

import (
	"slices"
	"strings"
)

// SavedInputs is a copy of a row's inputs. Row.Save creates it, Row.Load restores it.
type SavedInputs struct {
	numbers []float64
	texts   []string
	lists   [][]string
	states  []byte
	vectors []savedVector
}

type savedVector struct {
	dense         []float64
	sparseInSpark bool
	sparse        SparseVector
}

// Save returns a copy of the inputs that were set since the last Reset.
func (r *Row) Save() *SavedInputs {
	s := &SavedInputs{}
	for _, c := range r.plan.inputs {
		s.states = append(s.states, r.inputStates[c.state])
		if c.number >= 0 {
			s.numbers = append(s.numbers, r.numbers[c.number])
		}
		if c.text >= 0 {
			s.texts = append(s.texts, strings.Clone(r.texts[c.text]))
		}
		if c.list >= 0 {
			s.lists = append(s.lists, cloneTexts(r.lists[c.list]))
		}
		var v savedVector
		if c.dense >= 0 {
			v.dense, v.sparseInSpark = slices.Clone(r.doubles[c.dense:c.dense+c.Width]), r.sparseFlags[c.sparseInSpark]
		}
		if c.sparse >= 0 {
			v.sparse.Index = slices.Clone(r.sparse[c.sparse].Index)
			v.sparse.Value = slices.Clone(r.sparse[c.sparse].Value)
		}
		s.vectors = append(s.vectors, v)
	}
	return s
}

func cloneTexts(list []string) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = strings.Clone(text)
	}
	return out
}

// Load sets the inputs from a copy that a row of the same plan has saved.
func (r *Row) Load(s *SavedInputs) {
	r.Reset()
	numbers, texts, lists := s.numbers, s.texts, s.lists
	for i, c := range r.plan.inputs {
		r.inputStates[c.state] = s.states[i]
		if c.number >= 0 {
			r.numbers[c.number], numbers = numbers[0], numbers[1:]
		}
		if c.text >= 0 {
			r.texts[c.text], texts = texts[0], texts[1:]
		}
		if c.list >= 0 {
			r.lists[c.list], lists = append(r.lists[c.list][:0], lists[0]...), lists[1:]
		}
		if c.dense >= 0 {
			copy(r.doubles[c.dense:c.dense+c.Width], s.vectors[i].dense)
			r.sparseFlags[c.sparseInSpark] = s.vectors[i].sparseInSpark
		}
		if c.sparse >= 0 {
			v := VectorOut{slot: c.sparse}.SparseBuffer(r)
			v.Index = append(v.Index, s.vectors[i].sparse.Index...)
			v.Value = append(v.Value, s.vectors[i].sparse.Value...)
		}
	}
}
