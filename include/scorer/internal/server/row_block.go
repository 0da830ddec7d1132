package server

import (
	"net/http"
	"runtime"

	"leapline/scorer/engine"
)

// rowBlock collects rows of a request and scores them together, which is faster for models of trees. Results and errors are
// those of scoring each row after it has been read.
type rowBlock struct {
	server *Server
	model  *Model
	plan   *compiledPlan
	req    *request
	csv    bool // whether the response is CSV
	block  *engine.Block
	first  int // number of the block's first row in the request
	rows   int // number of rows in the block
}

func (s *Server) newRowBlock(m *Model, plan *compiledPlan, req *request) rowBlock {
	req.text = req.text[:0]
	return rowBlock{server: s, model: m, plan: plan, req: req, block: plan.blocks.Get().(*engine.Block)}
}

// next returns the row in which to set the inputs of row n of the request. The caller reports the result to add.
func (b *rowBlock) next(n int) (*engine.Row, error) {
	if n == b.server.maxRows {
		return nil, b.fail(n, nil)
	}
	return b.block.Row(b.rows), nil
}

// add ends the row of next, whose inputs are invalid if err is not nil. It scores the block if it is full or ends with an error.
func (b *rowBlock) add(n int, err error) error {
	if err != nil {
		return b.fail(n, err)
	}
	b.rows++
	if b.rows >= b.block.Capacity() {
		return b.flush()
	}
	if n%rowsBetweenYields == rowsBetweenYields-1 {
		runtime.Gosched()
	}
	b.req.state = b.block.Bytes(b.rows+1) + growthFactor*int64(cap(b.req.text))
	return b.req.completeChunk()
}

// fail returns the error of row n, unless there is one before it.
func (b *rowBlock) fail(n int, err error) error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.server.startElement(b.req, n); err != nil {
		return err
	}
	return err
}

// finish scores the remaining rows after the last one, or before err, and ends the use of the block if there is no error.
func (b *rowBlock) finish(rows int, err error) error {
	if flushErr := b.flush(); flushErr != nil {
		err = flushErr
	}
	if err == nil {
		b.plan.blocks.Put(b.block)
		b.server.metrics.rows.Add(uint64(rows))
	}
	return err
}

// flush scores the rows of the block and appends their results to the response.
func (b *rowBlock) flush() error {
	first, rows := b.first, b.rows
	b.first, b.rows = first+rows, 0
	done, err := b.block.Run(rows)
	for i := range done {
		if err := b.server.startElement(b.req, first+i); err != nil {
			return err
		}
		b.appendRow(first+i, b.block.Row(i))
	}
	if err != nil {
		if err := b.server.startElement(b.req, first+done); err != nil {
			return err
		}
		return newProblem(http.StatusUnprocessableEntity, "%v", err).withRow(first + done)
	}
	b.req.text = b.req.text[:0]
	return nil
}

func (b *rowBlock) appendRow(n int, row *engine.Row) {
	req := b.req
	if b.csv {
		req.out = b.model.appendCSVRow(req.out, row)
		return
	}
	if n > 0 {
		req.separate()
	}
	req.out = b.model.appendRow(req.out, b.plan, row)
}
