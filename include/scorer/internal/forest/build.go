package forest

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
)

// Build merges parts, which may have been built concurrently, into a forest with their trees in order. It takes over the
// memory of the parts. If transformLeaf is not nil, it is called once for each distinct leaf and may modify its values.
func Build(transformLeaf func(leaf []float64), parts ...*Builder) (*Forest, error) {
	f := &Forest{parts: make([]nodes, len(parts))}
	for _, b := range parts {
		f.trees += len(b.trees)
	}
	if f.trees == 0 {
		return nil, errors.New("the model has no trees")
	}
	f.Width = parts[0].width
	numbers := f.join(transformLeaf, parts)
	var running sync.WaitGroup
	for k, b := range parts {
		f.group(k, b)
		running.Go(func() {
			b.nodes.widenFor(f.conditions + f.leaves)
			b.nodes.renumber(numbers[k], b.conditions.len())
			f.parts[k] = b.nodes
		})
	}
	running.Wait()
	return f, nil
}

// group divides the trees of part k into groups.
func (f *Forest) group(k int, b *Builder) {
	for trees := range slices.Chunk(b.trees, Lanes) {
		g := group{nodes: &f.parts[k], trees: len(trees)}
		for i := range g.roots {
			g.roots[i] = trees[0].at
		}
		for i, t := range trees {
			g.roots[i] = t.at
			g.depth = max(g.depth, t.depth)
		}
		f.groups = append(f.groups, g)
	}
}

// join numbers the distinct conditions and then the distinct leaves of all parts. It returns the new numbers of each part's
// conditions and leaves.
func (f *Forest) join(transformLeaf func([]float64), parts []*Builder) [][]uint32 {
	var leaves [][]uint32
	var running sync.WaitGroup
	running.Go(func() {
		var all interner
		all, leaves = joinLeaves(transformLeaf, parts)
		f.Values, f.leaves = floatsOf(all.rows), all.len()
	})
	numbers := f.joinConditions(parts)
	running.Wait()
	for k := range parts {
		for _, n := range leaves[k] {
			numbers[k] = append(numbers[k], uint32(f.conditions)+n)
		}
	}
	return numbers
}

func joinLeaves(transformLeaf func([]float64), parts []*Builder) (all interner, numbers [][]uint32) {
	leaves := make([]interner, len(parts))
	for k, b := range parts {
		leaves[k] = b.leaves
	}
	if transformLeaf == nil {
		return join(leaves[0], leaves)
	}
	for _, part := range leaves {
		for i := range part.len() {
			transformLeaf(floatsOf(part.row(uint32(i))))
		}
	}
	return join(newInterner(parts[0].width), leaves)
}

func (f *Forest) joinConditions(parts []*Builder) [][]uint32 {
	sets, conditions := newSets(), make([]interner, len(parts))
	for k, b := range parts {
		conditions[k] = b.conditions
		for i := range b.conditions.len() {
			if row := b.conditions.row(uint32(i)); row[0] == categoricalMark {
				row[1] = uint64(sets.add(b.sets.all[row[1]]))
			}
		}
	}
	all, numbers := join(newInterner(2), conditions)
	splitCounts := make([]int, all.len())
	for k, b := range parts {
		for i, n := range numbers[k] {
			splitCounts[n] += b.splitCounts[i]
		}
	}
	final := f.number(&all, sets.all, splitCounts)
	for k := range numbers {
		for i, n := range numbers[k] {
			numbers[k][i] = final[n]
		}
	}
	return numbers
}

// number assigns the final numbers of conditions: the sorted thresholds of each feature, in runs that start at a multiple
// of 8, and then the sets. It returns the number of each condition in splitCounts.
func (f *Forest) number(conditions *interner, sets []set, splitCounts []int) []uint32 {
	var tests []test
	categorical := make([]categoricalCondition, len(sets))
	for i := range splitCounts {
		if row := conditions.row(uint32(i)); row[0] == categoricalMark {
			categorical[row[1]] = categoricalCondition{set: sets[row[1]], number: i, splits: splitCounts[i]}
		} else {
			tests = append(tests, test{i, int(row[0]), orderedBits(math.Float64frombits(row[1]))})
		}
	}
	slices.SortFunc(tests, func(x, y test) int {
		return cmp.Or(cmp.Compare(x.feature, y.feature), cmp.Compare(x.threshold, y.threshold))
	})
	number := make([]uint32, len(splitCounts))
	for _, t := range tests {
		last := len(f.runs) - 1
		if last < 0 || f.runs[last].feature != t.feature {
			f.conditions = (f.conditions + 7) &^ 7
			f.runs = append(f.runs, thresholdRun{feature: t.feature, first: f.conditions})
			last++
		}
		f.runs[last].thresholds = append(f.runs[last].thresholds, t.threshold)
		f.runs[last].splits += splitCounts[t.number]
		number[t.number] = uint32(f.conditions)
		f.conditions++
	}
	f.conditions = (f.conditions + 7) &^ 7
	f.addSets(categorical, number)
	return number
}

// test is the condition of a continuous split.
type test struct {
	number, feature int
	threshold       uint64 // as orderedBits
}
