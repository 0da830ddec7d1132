package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"leapline/scorer/engine"
	"leapline/scorer/internal/bitslice"
	"leapline/scorer/internal/cputime"
	"leapline/scorer/transform"
)

// benchResult is the output of bench. Times are per row, from inputs in memory to the model's final output columns.
type benchResult struct {
	Rows         int      `json:"rows"` // number of rows in the frame
	Columns      []string `json:"columns"`
	P50          int64    `json:"p50_ns"`
	P99          int64    `json:"p99_ns"`
	Mean         float64  `json:"mean_ns"`
	Allocs       uint64   `json:"allocs_per_row"`
	BatchRate    float64  `json:"batch_rows_per_s"` // median over batches of batchRows rows, on one core
	Measurements int      `json:"measurements"`
	// BatchCPURates has the rows per second of processor time with each set of vector instructions of this machine, the
	// fastest of batchTimes batches. The sets take turns.
	BatchCPURates map[string]float64 `json:"batch_rows_per_cpu_s"`
}

const (
	benchRows  = 200_000 // number of rows measured individually
	batchRows  = 10_000
	batchTimes = 15
)

// runBench measures a warm model in process, with one goroutine and without HTTP and JSON.
func runBench(args []string, stdout io.Writer) error {
	operands, err := parse(flag.NewFlagSet("bench", flag.ContinueOnError), args, 2)
	if err != nil {
		return err
	}
	_, program, err := load(operands[0])
	if err != nil {
		return err
	}
	body, err := os.ReadFile(operands[1])
	if err != nil {
		return err
	}
	plan, err := program.Plan(program.FinalOutputs()...)
	if err != nil {
		return err
	}
	rows, err := transform.ForPlan(plan).SaveInputs(body)
	if err != nil {
		return fmt.Errorf("%s: %w", operands[1], err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s: the frame has no rows to measure", operands[1])
	}
	result, err := bench(plan, rows)
	if err != nil {
		return err
	}
	result.Columns = program.FinalOutputs()
	return json.NewEncoder(stdout).Encode(result)
}

func bench(plan *engine.Plan, rows []*engine.SavedInputs) (result *benchResult, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	row := plan.NewRow()
	score := func(n int, took []int64) error {
		for i, k := 0, 0; i < n; i++ {
			start := time.Now()
			row.Load(rows[k])
			if err := row.Run(); err != nil {
				return err
			}
			took[i] = int64(time.Since(start))
			if k++; k == len(rows) {
				k = 0
			}
		}
		return nil
	}
	took := make([]int64, benchRows)
	runtime.GC()
	if err := score(benchRows/10, took); err != nil { // warm up caches and branch predictors
		return nil, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := score(benchRows, took); err != nil {
		return nil, err
	}
	runtime.ReadMemStats(&after)
	result = &benchResult{Rows: len(rows), Measurements: benchRows}
	// Rounded down like testing.AllocsPerRun, because the runtime itself makes a few allocations.
	result.Allocs = (after.Mallocs - before.Mallocs) / benchRows
	for _, t := range took {
		result.Mean += float64(t) / benchRows
	}
	slices.Sort(took)
	result.P50, result.P99 = took[benchRows/2], took[benchRows*99/100]
	if result.BatchRate, err = batchRate(plan.NewBlock(), rows); err != nil {
		return nil, err
	}
	result.BatchCPURates, err = batchCPURates(plan, rows)
	return result, err
}

// batchCPURates returns the rows per second of processor time, by set of vector instructions.
func batchCPURates(plan *engine.Plan, rows []*engine.SavedInputs) (map[string]float64, error) {
	defer bitslice.Select(bitslice.Selected())
	rates := map[string]float64{}
	blocks := make([]*engine.Block, bitslice.Best()+1)
	for range batchTimes {
		for level := range blocks {
			bitslice.Select(bitslice.Level(level))
			if blocks[level] == nil {
				blocks[level] = plan.NewBlock()
				if err := scoreBatch(blocks[level], rows); err != nil {
					return nil, err
				}
			}
			var err error
			spent := cputime.Of(func() { err = scoreBatch(blocks[level], rows) })
			if err != nil {
				return nil, err
			}
			name := bitslice.Level(level).String()
			rates[name] = max(rates[name], batchRows/spent.Seconds())
		}
	}
	return rates, nil
}

// batchRate returns the median rows per second of several batches.
func batchRate(block *engine.Block, rows []*engine.SavedInputs) (float64, error) {
	rates := make([]float64, batchTimes)
	if err := scoreBatch(block, rows); err != nil { // allocate and warm up
		return 0, err
	}
	for t := range rates {
		start := time.Now()
		if err := scoreBatch(block, rows); err != nil {
			return 0, err
		}
		rates[t] = batchRows / time.Since(start).Seconds()
	}
	slices.Sort(rates)
	return rates[batchTimes/2], nil
}

// scoreBatch scores batchRows rows, in blocks.
func scoreBatch(block *engine.Block, rows []*engine.SavedInputs) error {
	for i := 0; i < batchRows; {
		n := min(block.Capacity(), batchRows-i)
		for k := range n {
			block.Row(k).Load(rows[(i+k)%len(rows)])
		}
		if _, err := block.Run(n); err != nil {
			return err
		}
		i += n
	}
	return nil
}
