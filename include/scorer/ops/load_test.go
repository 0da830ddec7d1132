package ops_test

import (
	"os"
	"testing"
)

// BenchmarkLoad reads and compiles the bundle at the path in SCORER_BUNDLE.
func BenchmarkLoad(b *testing.B) {
	path := os.Getenv("SCORER_BUNDLE")
	if path == "" {
		b.Skip("SCORER_BUNDLE is not set to the path of a bundle")
	}
	for b.Loop() {
		compile(b, path)
	}
}
