// Comparisons of hand-written parts with libraries; see docs/decisions. A module of its own, so that the scorer itself
// has no dependencies.
module leapline/scorer/benchmarks

go 1.26

require (
	github.com/dmitryikh/leaves v0.0.0-20230708180554-25d19a787328
	github.com/klauspost/compress v1.20.4
	google.golang.org/protobuf v1.36.12
	leapline/scorer v0.0.0
)

replace leapline/scorer => ../
