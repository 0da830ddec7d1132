package bundle

// Limits bound what an archive may ask of its reader. Beyond one of them Open gives an error that names the entry.
type Limits struct {
	Archive int64 // bytes of the zip, or of all files of a directory
	Entries int   // files
	Entry   int64 // bytes of one file, inflated
	Total   int64 // bytes of all files, inflated
	Ratio   int64 // inflated over stored bytes, of one file; files under a MiB are exempt
	Nesting int   // pipelines within pipelines, and models within models
	Stages  int   // stages of all pipelines
	Depth   int   // splits above a leaf
	Nodes   int   // nodes of all trees
	List    int   // elements of a list or a tensor
	Text    int   // bytes of one string
}

// DefaultLimits leave room for the largest models that anyone serves from one process, and stop what would hurt it.
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
