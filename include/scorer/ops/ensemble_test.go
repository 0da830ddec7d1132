package ops

import "testing"

func TestPartSize(t *testing.T) {
	for _, c := range []struct{ trees, parts, want int }{
		{1, 2, 8}, {8, 4, 8}, {9, 1, 16}, {20, 2, 16}, {100, 1, 104}, {100, 2, 56}, {100, 8, 16}, {850, 2, 432},
	} {
		if got := partSize(c.trees, c.parts); got != c.want {
			t.Errorf("%d trees in %d parts: %d per part, expected %d", c.trees, c.parts, got, c.want)
		}
	}
}
