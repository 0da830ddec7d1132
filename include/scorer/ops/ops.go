// Package ops holds the ops of Bundle.ML, one file each or one a family, registered with the engine by their init
// functions. A new op is one new file here; log1p_scaler.go is the worked example.
//
// Every product that is added to something stands in float64(): Go may otherwise fuse the two on arm64, which rounds
// once instead of twice and is not what Spark does.
package ops
