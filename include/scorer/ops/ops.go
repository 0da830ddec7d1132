// Package ops implements the ops of Bundle.ML. Each op or family of ops has one file and registers itself with the engine in
// an init function. A new op requires one new file; examples/custom_transformer contains an example.
//
// Every product that is part of a sum is converted with float64(). Otherwise Go may fuse the two operations on arm64, which
// rounds once instead of twice and differs from Spark.
package ops
