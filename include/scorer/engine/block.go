package engine

import (
	"fmt"
	"math"
)

// BlockRows is the maximum number of rows that are computed together.
const BlockRows = 512

// BlockStep is a step that computes many rows faster together than one by one.
type BlockStep interface {
	Step
	// MinRows returns the number of rows from which RunBlock is faster than Run. It exceeds BlockRows if RunBlock cannot be
	// used. The first call may take milliseconds.
	MinRows() int
	// RunBlock is Run for up to BlockRows rows of one Block, which share their scratch memory. It returns the number of
	// rows before the first one that fails, and its error.
	RunBlock(rows []*Row) (done int, err error)
}

const (
	// blockMemory limits the memory of a block, in bytes.
	blockMemory = 4 << 20
	// alwaysSingle is the number of rows below which no step is asked for MinRows.
	alwaysSingle = 16
)

// Block is the working memory for a number of rows that are computed together, for use by one goroutine at a time. The
// results are those of Row.Run, to the last bit.
type Block struct {
	plan     *Plan
	rows     []*Row
	capacity int
}

// NewBlock returns a block whose rows allocate their memory when they are first used.
func (pl *Plan) NewBlock() *Block {
	b := &Block{plan: pl, rows: []*Row{pl.NewRow()}, capacity: 1}
	for i := range pl.steps {
		if _, ok := pl.steps[i].Step.(BlockStep); ok {
			b.capacity = max(min(BlockRows, blockMemory/pl.rowBytes()), 1)
		}
	}
	return b
}

// Capacity returns the number of rows to collect before Run: 1 if the plan has no step that is faster with more. It changes
// only during Run.
func (b *Block) Capacity() int { return b.capacity }

// Bytes returns the memory of the first n rows.
func (b *Block) Bytes(n int) int64 { return int64(n) * int64(b.plan.rowBytes()) }

// Row returns row i, which is below Capacity. At most the rows below it have been used before.
func (b *Block) Row(i int) *Row {
	if i == len(b.rows) {
		b.rows = append(b.rows, b.plan.newRow(b.rows[0].scratch))
	}
	return b.rows[i]
}

// Run computes the outputs of the first n rows. It returns the number of rows before the first one that fails, and its error.
func (b *Block) Run(n int) (done int, err error) {
	done = n
	steps := b.plan.steps
	if n < alwaysSingle || b.minRows() > n {
		for i, r := range b.rows[:n] {
			if err := r.Run(); err != nil {
				return i, err
			}
		}
		return n, nil
	}
	for len(steps) > 0 && done > 0 {
		count, failed, stepErr := b.runUntilBlock(steps, done)
		if stepErr != nil {
			done, err = failed, stepErr
		}
		steps = steps[count:]
	}
	return done, err
}

// runUntilBlock runs the first step if it is a BlockStep, or else the steps before the next one. It returns the number of
// these steps, and the first row that fails with its error.
func (b *Block) runUntilBlock(steps []step, n int) (count, failed int, err error) {
	if blockStep, ok := steps[0].Step.(BlockStep); ok && blockStep.MinRows() <= n {
		done, err := blockStep.RunBlock(b.rows[:n])
		return 1, done, steps[0].wrap(err)
	}
	for count = 1; count < len(steps); count++ {
		if _, ok := steps[count].Step.(BlockStep); ok {
			break
		}
	}
	for i, r := range b.rows[:n] {
		if err := r.run(steps[:count]); err != nil {
			return count, i, err
		}
	}
	return count, n, nil
}

// minRows returns the smallest number of rows from which a step is faster. If there is none, the capacity becomes 1.
func (b *Block) minRows() int {
	rows := math.MaxInt
	for i := range b.plan.steps {
		if blockStep, ok := b.plan.steps[i].Step.(BlockStep); ok {
			rows = min(rows, blockStep.MinRows())
		}
	}
	if rows > b.capacity {
		b.capacity = 1
	}
	return rows
}

// wrap adds the step to an error.
func (s *step) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stage %s (%s): %w", s.name, s.op, err)
}

// rowBytes returns the approximate memory of a row, without the contents of strings.
func (pl *Plan) rowBytes() int {
	const pointers = 512 // the row itself
	size := &pl.program.sizes
	bytes := pointers + 8*(size.numbers+size.doubles) + 16*size.texts + 24*size.lists + size.states + size.sparseFlags
	for _, bound := range size.sparseBounds {
		bytes += 48 + 12*min(bound, maxSparseReserve)
	}
	return bytes
}
