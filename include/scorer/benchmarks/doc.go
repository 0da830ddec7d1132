// Package benchmarks compares hand-written parts of the scorer with libraries, for the records in docs/decisions:
//
//	make bench-go BENCH_ARGS="-bench Inflate"
//
// The bundle has 850 trees and about 5 MB; set SCORER_BUNDLE to the path of another one.
package benchmarks
