package bundletest

import (
	"testing"

	"leapline/scorer/internal/bitslice"
)

// EachLevel runs a test with each set of vector instructions of this machine, and without.
func EachLevel(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	defer bitslice.Select(bitslice.Selected())
	for level := bitslice.None; level <= bitslice.Best(); level++ {
		bitslice.Select(level)
		t.Run(level.String(), test)
	}
}
