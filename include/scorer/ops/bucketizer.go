package ops

import (
	"fmt"
	"math"

	"leapline/scorer/engine"
)

// bucketizer: the number of the bucket [splits[i], splits[i+1]) that holds x; the last one holds its upper edge too. NaN
// gets the number after the last bucket under "keep" and is refused otherwise; beyond the splits is always refused. JSON
// writes infinite first and last splits as null. -0.0 is below 0.0, as in Java.
func init() { engine.Register("bucketizer", newBucketizer) }

type bucketizer struct {
	in     engine.Number
	out    engine.NumberOut
	splits []float64
	keep   bool
}

func newBucketizer(s *engine.Stage) engine.Step {
	t := bucketizer{
		in: s.Number("input", false), out: s.NewNumber("output"),
		splits: s.Floats("splits"), keep: handleInvalid(s, "error", "skip", "keep") == "keep",
	}
	n := len(t.splits)
	if n < 3 {
		s.Fail("splits has %d values, expected at least 3", n)
		return nil
	}
	if math.IsNaN(t.splits[0]) {
		t.splits[0] = math.Inf(-1)
	}
	if math.IsNaN(t.splits[n-1]) {
		t.splits[n-1] = math.Inf(1)
	}
	for i := range n - 1 {
		if !(t.splits[i] < t.splits[i+1]) {
			s.Fail("splits do not rise at position %d: %v, %v", i, t.splits[i], t.splits[i+1])
		}
	}
	s.Describe("%s", plural(n-1, "bucket"))
	return t
}

func (t bucketizer) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	last := len(t.splits) - 1
	switch {
	case x != x && t.keep:
		t.out.Set(r, float64(last))
		return nil
	case x == t.splits[last]:
		t.out.Set(r, float64(last-1))
		return nil
	case x != x || javaLess(x, t.splits[0]) || x > t.splits[last]:
		return fmt.Errorf("column %q is %v, expected %v to %v", t.in.Name(), x, t.splits[0], t.splits[last])
	}
	lo, hi := 0, last // splits[lo] <= x < splits[hi]
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; javaLess(x, t.splits[mid]) {
			hi = mid
		} else {
			lo = mid
		}
	}
	t.out.Set(r, float64(lo))
	return nil
}

// below orders doubles as Java's binary search does.
func javaLess(a, b float64) bool {
	return a < b || (a == 0 && b == 0 && math.Signbit(a) && !math.Signbit(b))
}
