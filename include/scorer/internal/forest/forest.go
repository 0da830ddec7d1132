// Package forest evaluates the trees of an ensemble on one row, in about 1 µs for 100 trees of depth 10.
//
// EvaluateConditions first computes a table of bytes, one per distinct split condition: 1 if the row goes right, 0 if left.
// Spark's forests test each feature against a few dozen thresholds, so a forest with tens of thousands of splits has only
// hundreds of conditions. Categorical splits are conditions too, and the handling of NaN is part of the conditions.
// WalkGroup then walks eight trees in lock-step and without branches. A node is the number of its condition and the
// distance to its left child, so a step takes three loads and two additions. A leaf has distance 0 and its "condition" is
// its own number, for which the table contains zero, so further steps stay there. Leaves with equal values share a number.
//
// Alternatives and their measurements are in docs/decisions/0012-tree-traversal.md.
package forest

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Forest is a compiled ensemble. It is immutable and safe for concurrent use.
type Forest struct {
	Width  int       // number of values per leaf
	Values []float64 // values of all leaves, Width for each leaf number

	trees      int
	conditions int
	leaves     int // bytes after the conditions: one for each leaf
	runs       []thresholdRun
	sets       []categoricalRun
	parts      []nodes
	groups     []group
	sliced     sliced
}

// thresholdRun is the sorted thresholds of one feature, whose conditions have consecutive numbers.
type thresholdRun struct {
	feature    int
	first      int
	thresholds []uint64 // see orderedBits
	splits     int      // splits of all trees
}

// group is up to Lanes trees of one part that are walked together. Unused lanes walk the group's first tree.
type group struct {
	nodes *nodes
	roots [Lanes]uint32
	depth int
	trees int
}

// Lanes is the number of trees that are walked together. Parts with a multiple of it have no unused lanes.
const Lanes = 8

// Trees returns the number of trees.
func (f *Forest) Trees() int { return f.trees }

// SplitCounts returns the number of splits per feature, for features that are used.
func (f *Forest) SplitCounts() map[int]int {
	counts := map[int]int{}
	for _, r := range f.runs {
		counts[r.feature] += r.splits
	}
	for _, r := range f.sets {
		counts[r.feature] += r.splits
	}
	return counts
}

// Groups returns the number of groups for WalkGroup.
func (f *Forest) Groups() int { return len(f.groups) }

// Scratch is the working memory of one goroutine.
type Scratch struct {
	table  []byte // of conditions, then zeros
	cached []cachedValue
	leaf   [Lanes]uint32
}

// cachedValue is the feature value for which the table currently contains a run's conditions.
type cachedValue struct {
	x    float64
	rank int
}

// NewScratch returns working memory for one goroutine.
func (f *Forest) NewScratch() *Scratch {
	s := &Scratch{table: make([]byte, f.conditions+f.leaves+8), cached: make([]cachedValue, len(f.runs)+len(f.sets))}
	for i := range s.cached {
		s.cached[i].x = math.Inf(-1) // not above any threshold, so all conditions are 0
	}
	for i := range f.sets {
		s.cached[len(f.runs)+i].x = math.NaN()
		f.sets[i].fill(s.table, math.NaN())
	}
	return s
}

// EvaluateConditions computes the table of conditions for a row. Features with the same value as before are skipped.
func (f *Forest) EvaluateConditions(x []float64, s *Scratch) {
	for i := range f.runs {
		r, last := &f.runs[i], &s.cached[i]
		if v := x[r.feature]; v != last.x {
			last.x = v
			r.fill(s.table, last, v)
		}
	}
	for i := range f.sets {
		r, last := &f.sets[i], &s.cached[len(f.runs)+i]
		if v := x[r.feature]; v != last.x {
			last.x = v
			r.fill(s.table, v)
		}
	}
}

// smallRun is the number of thresholds up to which all conditions of a run are written, regardless of the previous row.
// This and lowerBound have no branch that depends on the data: mispredicted branches cost as much as the rest.
const smallRun = 64

// onesThenZeros contains n ones followed by zeros from position smallRun-n on.
var onesThenZeros = func() (b [2*smallRun + 8]byte) {
	for i := range smallRun {
		b[i] = 1
	}
	return b
}()

// fill writes the conditions "not x <= threshold", which are all true for NaN.
func (r *thresholdRun) fill(table []byte, last *cachedValue, x float64) {
	rank := lowerBound(r.thresholds, orderedBits(x))
	if len(r.thresholds) <= smallRun {
		from := onesThenZeros[smallRun-rank:]
		for at := 0; at < len(r.thresholds); at += 8 {
			binary.LittleEndian.PutUint64(table[r.first+at:], binary.LittleEndian.Uint64(from[at:]))
		}
		return
	}
	if rank > last.rank {
		ones := table[r.first+last.rank : r.first+rank]
		for i := range ones {
			ones[i] = 1
		}
	} else {
		clear(table[r.first+rank : r.first+last.rank])
	}
	last.rank = rank
}

// orderedBits maps doubles to integers in the same order, with -0 equal to 0 and NaN above all.
func orderedBits(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	b := math.Float64bits(x + 0)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// lowerBound returns the number of keys below k. There is at least one key.
func lowerBound(keys []uint64, k uint64) int {
	base := 0
	for n := len(keys); n > 1; {
		half := n >> 1
		_, less := bits.Sub64(keys[base+half-1], k, 0)
		base += half & -int(less)
		n -= half
	}
	_, less := bits.Sub64(keys[base], k, 0)
	return base + int(less)
}

// categoricalRun is the categorical conditions of one feature, which have consecutive numbers.
type categoricalRun struct {
	feature int
	first   int
	sets    []set
	splits  int    // splits of all trees
	bytes   []byte // conditions for each category, then for any other value; nil if that exceeds maxBytes
}

// maxBytes limits the size of categoricalRun.bytes.
const maxBytes = 1 << 20

// categoricalCondition is the condition of a categorical split.
type categoricalCondition struct {
	set
	number, splits int
}

func (f *Forest) addSets(sets []categoricalCondition, number []uint32) {
	slices.SortStableFunc(sets, func(x, y categoricalCondition) int { return int(x.feature) - int(y.feature) })
	for _, s := range sets {
		last := len(f.sets) - 1
		if last < 0 || f.sets[last].feature != int(s.feature) {
			f.sets = append(f.sets, categoricalRun{feature: int(s.feature), first: f.conditions})
			last++
		}
		f.sets[last].sets = append(f.sets[last].sets, s.set)
		f.sets[last].splits += s.splits
		number[s.number] = uint32(f.conditions)
		f.conditions++
	}
	for i := range f.sets {
		f.sets[i].tabulate()
	}
}

// tabulate precomputes the conditions for each category.
func (r *categoricalRun) tabulate() {
	largest := 0.0
	for _, s := range r.sets {
		if n := len(s.categories); n > 0 {
			largest = max(largest, s.categories[n-1])
		}
	}
	if (largest+2)*float64(len(r.sets)) > maxBytes {
		return
	}
	for c := range int(largest) + 2 {
		for i := range r.sets {
			r.bytes = append(r.bytes, r.sets[i].goesRight(float64(c)))
		}
	}
}

// goesRight returns 1 if a value goes right. Only a category can be listed.
func (s *set) goesRight(x float64) byte {
	_, contained := slices.BinarySearch(s.categories, x)
	if contained == s.listed {
		return 1
	}
	return 0
}

func (r *categoricalRun) fill(table []byte, x float64) {
	copy(table[r.first:], r.outcomes(table[r.first:r.first:r.first+len(r.sets)], x))
}

// outcomes returns the conditions for a value. It uses the memory of buffer or returns a part of the tabulated ones.
func (r *categoricalRun) outcomes(buffer []byte, x float64) []byte {
	if r.bytes == nil {
		buffer = buffer[:0]
		for i := range r.sets {
			buffer = append(buffer, r.sets[i].goesRight(x))
		}
		return buffer
	}
	return r.bytes[r.category(x)*len(r.sets):][:len(r.sets)]
}

// categories returns the number of tabulated categories, including the one for any other value.
func (r *categoricalRun) categories() int { return len(r.bytes) / len(r.sets) }

// category returns the tabulated category of a value.
func (r *categoricalRun) category(x float64) int {
	other := r.categories() - 1
	if x >= 0 && x < float64(other) && x == math.Trunc(x) {
		return int(x)
	}
	return other
}
