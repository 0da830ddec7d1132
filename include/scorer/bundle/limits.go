package bundle

// Limits bounds the time and memory that reading an archive can take. An archive that exceeds a limit is rejected with
// an error that names the entry.
type Limits struct {
	Archive int64 // bytes of the zip, or of all files in a directory
	Entries int   // number of files
	Entry   int64 // decompressed bytes of one file
	Total   int64 // decompressed bytes of all files
	Ratio   int64 // decompressed bytes per compressed byte of one file; files up to 16 MiB are exempt
	Nesting int   // pipelines within pipelines, and models within models
	Stages  int   // stages of all pipelines
	Depth   int   // splits above a leaf
	Nodes   int   // nodes of all trees
	List    int   // elements of a list or a tensor
	Text    int   // bytes of one string
}

// DefaultLimits returns limits that admit the largest models one process can reasonably serve.
func DefaultLimits() Limits {
	return Limits{
		Archive: 256 << 20,
		Entries: 100_000,
		Entry:   64 << 20,
		Total:   1 << 30,
		Ratio:   500,
		Nesting: 16,
		Stages:  10_000,
		Depth:   64,
		Nodes:   16 << 20,
		List:    4 << 20,
		Text:    64 << 10,
	}
}
