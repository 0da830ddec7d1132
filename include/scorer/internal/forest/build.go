package forest

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
)

// Build compiles the trees of all parts, in their order. Parts that are built side by side are joined here: on two
// processors a forest is there in half the time. The parts' memory is taken.
func Build(parts ...*Builder) (*Forest, error) {
	f := &Forest{}
	for _, b := range parts {
		f.trees += len(b.trees)
	}
	if f.trees == 0 {
		return nil, errors.New("has no trees")
	}
	f.Width = parts[0].width
	numbers := f.join(parts)
	layouts := make([]*layout, len(parts))
	each(parts, func(k int, b *Builder) { layouts[k] = newLayout(b) })
	size, farthest := place(layouts)
	if f.conditions+f.zeros <= math.MaxUint16 && farthest <= math.MaxUint16 {
		f.narrow = make([]uint16, 2*size)
		each(parts, func(k int, b *Builder) { emit(f.narrow, b, layouts[k], &numbers[k]) })
	} else {
		f.wide = make([]uint32, 2*size)
		each(parts, func(k int, b *Builder) { emit(f.wide, b, layouts[k], &numbers[k]) })
	}
	f.group(parts, layouts)
	return f, nil
}

// each does the same for all parts at once.
func each(parts []*Builder, do func(k int, b *Builder)) {
	var running sync.WaitGroup
	for k, b := range parts {
		running.Go(func() { do(k, b) })
	}
	running.Wait()
}

// numbers are what a part's tests, then its sets, and its leaves are called in the forest.
type numbers struct{ conditions, leaves []uint32 }

// join numbers the conditions and the leaves of all parts, those that they share alike; leaves come after conditions.
func (f *Forest) join(parts []*Builder) []numbers {
	tests, leaves := make([]interner, len(parts)), make([]interner, len(parts))
	for k, b := range parts {
		tests[k], leaves[k] = b.tests, b.leaves
	}
	var leafNumbers [][]uint32
	var running sync.WaitGroup
	running.Go(func() {
		var all interner
		all, leafNumbers = join(leaves)
		f.Values, f.zeros = floatsOf(all.rows), all.len()
	})
	conditions := f.joinConditions(parts, tests)
	running.Wait()
	out := make([]numbers, len(parts))
	for k := range out {
		out[k] = numbers{conditions[k], leafNumbers[k]}
		for i := range out[k].leaves {
			out[k].leaves[i] += uint32(f.conditions)
		}
	}
	return out
}

func (f *Forest) joinConditions(parts []*Builder, tests []interner) [][]uint32 {
	allTests, numbers := join(tests)
	all := newSets()
	for k, b := range parts {
		for _, one := range b.sets.all {
			numbers[k] = append(numbers[k], uint32(allTests.len())+all.add(one))
		}
	}
	uses := make([]int, allTests.len()+len(all.all))
	for k, b := range parts {
		for i, n := range b.uses() {
			uses[numbers[k][i]] += n
		}
	}
	final := f.number(&allTests, all.all, uses)
	for k := range numbers {
		for i, n := range numbers[k] {
			numbers[k][i] = final[n]
		}
	}
	return numbers
}

// number numbers the conditions: for each feature its thresholds ascending, in a run that starts at a multiple of 8,
// then the sets. It gives the numbers of the tests, then of the sets; uses are in that order too.
func (f *Forest) number(tests *interner, sets []set, uses []int) []uint32 {
	order := make([]test, tests.len())
	for i := range order {
		row := tests.row(uint32(i))
		order[i] = test{i, int(row[0]), key(math.Float64frombits(row[1]))}
	}
	slices.SortFunc(order, func(x, y test) int {
		return cmp.Or(cmp.Compare(x.feature, y.feature), cmp.Compare(x.key, y.key))
	})
	number := make([]uint32, len(uses))
	for _, t := range order {
		last := len(f.runs) - 1
		if last < 0 || f.runs[last].feature != t.feature {
			f.conditions = (f.conditions + 7) &^ 7
			f.runs = append(f.runs, run{feature: t.feature, first: f.conditions})
			last++
		}
		f.runs[last].keys = append(f.runs[last].keys, t.key)
		f.runs[last].uses += uses[t.number]
		number[t.number] = uint32(f.conditions)
		f.conditions++
	}
	f.conditions = (f.conditions + 7) &^ 7
	f.addSets(sets, uses[len(order):], number[len(order):])
	return number
}

// test is the condition of a continuous split.
type test struct {
	number, feature int
	key             uint64 // of the threshold
}
