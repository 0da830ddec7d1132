package frames

const blockSize = 1 << 20

// Buckets collects the rows of each bucket in blocks.
type Buckets struct {
	writer *Writer
	blocks [][]byte
	err    error
}

// NewBuckets returns empty blocks for n buckets.
func NewBuckets(writer *Writer, n int) *Buckets {
	return &Buckets{writer: writer, blocks: make([][]byte, n)}
}

// Add adds a row, which `append` appends to a block.
func (b *Buckets) Add(bucket int, appendTo func([]byte) []byte) {
	block := appendTo(b.blocks[bucket])
	if len(block) >= blockSize {
		b.write(bucket, block)
		block = block[:0]
	}
	b.blocks[bucket] = block
}

// Flush writes all blocks and returns the first error.
func (b *Buckets) Flush() error {
	for bucket, block := range b.blocks {
		if len(block) > 0 {
			b.write(bucket, block)
			b.blocks[bucket] = block[:0]
		}
	}
	return b.err
}

func (b *Buckets) write(bucket int, block []byte) {
	if err := b.writer.Block(uint32(bucket), block); err != nil && b.err == nil {
		b.err = err
	}
}
