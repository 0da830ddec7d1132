package engine

import (
	"fmt"
	"slices"

	"leapline/scorer/frame"
)

// keepsElements lists the ops whose output elements correspond to their input elements.
var keepsElements = map[string]bool{
	"standard_scaler": true, "min_max_scaler": true, "max_abs_scaler": true, "normalizer": true, "vector_indexer": true,
	"binarizer": true, "elementwise_product": true, "idf": true,
}

// FeatureNames returns display names of the elements of a stage's first input vector. It follows the vector back through
// scalers and similar stages to the assembled columns. The element of a vector column is named by column and position.
func (p *Program) FeatureNames(stage StageInfo) []string {
	if len(stage.Inputs) == 0 {
		return nil
	}
	return p.elementNames(stage.Inputs[0], len(p.stages))
}

// elementNames follows at most hops stages back.
func (p *Program) elementNames(column string, hops int) []string {
	c := p.find(column)
	if c == nil || c.Type.Kind != frame.Tensor {
		return []string{column}
	}
	for _, s := range p.stages {
		if hops == 0 || !slices.Contains(s.Outputs, column) {
			continue
		}
		if s.Op == "vector_assembler" {
			var list []string
			for _, input := range s.Inputs {
				list = append(list, p.elementNames(input, hops-1)...)
			}
			return list
		}
		if s.Selection != nil {
			return selectNames(p.elementNames(s.Inputs[0], hops-1), s.Selection)
		}
		if len(s.Inputs) == 1 && len(s.Outputs) == 1 && keepsElements[s.Op] {
			if list := p.elementNames(s.Inputs[0], hops-1); len(list) == c.Width {
				return list
			}
		}
	}
	list := make([]string, c.Width)
	for i := range list {
		list[i] = fmt.Sprintf("%s[%d]", column, i)
	}
	return list
}

func selectNames(names []string, positions []int) []string {
	list := make([]string, len(positions))
	for i, at := range positions {
		list[i] = names[at]
	}
	return list
}
