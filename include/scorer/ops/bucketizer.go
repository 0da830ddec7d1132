package ops

import (
	"fmt"
	"math"

	"leapline/scorer/engine"
)

// bucketizer returns the number of the bucket [splits[i], splits[i+1]) that contains x; the last bucket includes its upper
// edge. With handle_invalid "keep" NaN is in an additional last bucket, otherwise it is rejected. Values outside of the
// splits are always rejected. In JSON, infinite first and last splits are null. -0.0 is less than 0.0, as in Java.
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
		splits: s.FloatsOrNull("splits"), keep: handleInvalid(s, "error", "skip", "keep") == "keep",
	}
	n := len(t.splits)
	if n < 3 {
		s.Fail("splits has %d values, at least 3 are required", n)
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
			s.Fail("splits must be increasing, found %v and %v at position %d", t.splits[i], t.splits[i+1], i)
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

// javaLess orders doubles like Java's binary search: -0.0 is less than 0.0.
func javaLess(a, b float64) bool {
	return a < b || (a == 0 && b == 0 && math.Signbit(a) && !math.Signbit(b))
}
