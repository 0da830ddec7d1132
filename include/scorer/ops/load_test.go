package ops_test

import (
	"os"
	"testing"
)

// BenchmarkLoad reads and compiles the bundle that SCORER_BUNDLE names.
func BenchmarkLoad(b *testing.B) {
	path := os.Getenv("SCORER_BUNDLE")
	if path == "" {
		b.Skip("SCORER_BUNDLE names no bundle")
	}
	for b.Loop() {
		compile(b, path)
	}
}
