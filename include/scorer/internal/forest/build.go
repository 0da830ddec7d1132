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
	starts := make([]uint32, len(parts)) // of the parts' nodes
	size, farthest := uint32(0), uint32(0)
	for k, b := range parts {
		starts[k], size, farthest = size, aligned(size+uint32(len(b.nodes))), max(farthest, b.farthest)
		f.addTrees(b.trees, starts[k])
	}
	if f.trees == 0 {
		return nil, errors.New("has no trees")
	}
	f.Width = parts[0].width
	numbers := f.join(parts)
	if f.conditions+f.zeros <= math.MaxUint16 && farthest <= math.MaxUint16 {
		f.narrow = emitAll[uint16](size, parts, starts, numbers)
	} else {
		f.wide = emitAll[uint32](size, parts, starts, numbers)
	}
	return f, nil
}

// emitAll writes the nodes as pairs of numbers: a split's condition and the distance to its left child, or, at a distance
// of 0, the number of a leaf after all conditions.
func emitAll[T uint16 | uint32](size uint32, parts []*Builder, starts []uint32, numbers []numbers) []T {
	out := make([]T, 2*size)
	var running sync.WaitGroup
	for k, b := range parts {
		running.Go(func() { emit(out[2*starts[k]:], b, &numbers[k]) })
	}
	running.Wait()
	return out
}

func emit[T uint16 | uint32](out []T, b *Builder, is *numbers) {
	tests := uint32(b.tests.len())
	for i, n := range b.nodes {
		switch {
		case n.left == 0:
			out[2*i] = T(is.leaves[n.what])
		case n.what&setFlag != 0:
			out[2*i] = T(is.conditions[tests+n.what&^setFlag])
		default:
			out[2*i] = T(is.conditions[n.what])
		}
		out[2*i+1] = T(n.left)
	}
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
