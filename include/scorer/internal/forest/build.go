package forest

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
)

// Build compiles the trees of all parts, in their order. Parts that are built side by side are joined here: on two
// processors a forest is there in half the time. The parts' memory is taken. Unless it is nil, change is called once with
// the values of each different leaf, to put others in their place.
func Build(change func(leaf []float64), parts ...*Builder) (*Forest, error) {
	f := &Forest{parts: make([]nodes, len(parts))}
	for _, b := range parts {
		f.trees += len(b.trees)
	}
	if f.trees == 0 {
		return nil, errors.New("has no trees")
	}
	f.Width = parts[0].width
	numbers := f.join(change, parts)
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

// group puts the trees of part k together.
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

// join numbers the conditions and then the leaves of all parts, those that they share alike, and gives for each part the
// numbers of its own.
func (f *Forest) join(change func([]float64), parts []*Builder) [][]uint32 {
	var leaves [][]uint32
	var running sync.WaitGroup
	running.Go(func() {
		var all interner
		all, leaves = joinLeaves(change, parts)
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

func joinLeaves(change func([]float64), parts []*Builder) (all interner, numbers [][]uint32) {
	leaves := make([]interner, len(parts))
	for k, b := range parts {
		leaves[k] = b.leaves
	}
	if change == nil {
		return join(leaves[0], leaves)
	}
	for _, part := range leaves {
		for i := range part.len() {
			change(floatsOf(part.row(uint32(i))))
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
	uses := make([]int, all.len())
	for k, b := range parts {
		for i, n := range numbers[k] {
			uses[n] += b.splitCounts[i]
		}
	}
	final := f.number(&all, sets.all, uses)
	for k := range numbers {
		for i, n := range numbers[k] {
			numbers[k][i] = final[n]
		}
	}
	return numbers
}

// number numbers the conditions: for each feature its thresholds ascending, in a run that starts at a multiple of 8,
// then the sets. It gives their numbers in the order of uses.
func (f *Forest) number(conditions *interner, sets []set, uses []int) []uint32 {
	var tests []test
	used := make([]categoricalCondition, len(sets))
	for i := range uses {
		if row := conditions.row(uint32(i)); row[0] == categoricalMark {
			used[row[1]] = categoricalCondition{set: sets[row[1]], number: i, splits: uses[i]}
		} else {
			tests = append(tests, test{i, int(row[0]), orderedBits(math.Float64frombits(row[1]))})
		}
	}
	slices.SortFunc(tests, func(x, y test) int {
		return cmp.Or(cmp.Compare(x.feature, y.feature), cmp.Compare(x.threshold, y.threshold))
	})
	number := make([]uint32, len(uses))
	for _, t := range tests {
		last := len(f.runs) - 1
		if last < 0 || f.runs[last].feature != t.feature {
			f.conditions = (f.conditions + 7) &^ 7
			f.runs = append(f.runs, thresholdRun{feature: t.feature, first: f.conditions})
			last++
		}
		f.runs[last].thresholds = append(f.runs[last].thresholds, t.threshold)
		f.runs[last].splits += uses[t.number]
		number[t.number] = uint32(f.conditions)
		f.conditions++
	}
	f.conditions = (f.conditions + 7) &^ 7
	f.addSets(used, number)
	return number
}

// test is the condition of a continuous split.
type test struct {
	number, feature int
	threshold       uint64 // of the threshold
}
