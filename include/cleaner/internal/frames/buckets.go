package frames

const blockSize = 1 << 20

// Buckets collects the rows of each bucket of a part in blocks.
type Buckets struct {
	writer *Writer
	part   string
	blocks [][]byte
	err    error
}

// NewBuckets returns empty blocks for n buckets of a part.
func NewBuckets(writer *Writer, part string, n int) *Buckets {
	return &Buckets{writer: writer, part: part, blocks: make([][]byte, n)}
}

// Block returns the block to which the next row of a bucket is appended, before Put.
func (b *Buckets) Block(bucket int) []byte { return b.blocks[bucket] }

// Put takes a block to which a row was appended.
func (b *Buckets) Put(bucket int, block []byte) {
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
	if err := b.writer.Block(b.part, uint32(bucket), block); err != nil && b.err == nil {
		b.err = err
	}
}
