// Package stages has the stages of cleaning, each of which is the work of one task of Spark.
//
//	scan        lines -> rows by event id
//	duplicates  rows by event id -> rows by session
//	sessions    rows by session -> kept rows, sorted
//	place       kept rows -> the same by session, with orders assigned to sessions
//	sort        kept rows by session -> the same, sorted
//	rows        kept rows -> the same as a table
//	orders      kept rows -> those with an order as a table
//	spans       kept rows -> first and last time of each session, as a table
//	profile     kept rows -> statistics of the events
//	visitors    kept rows -> visitors of unmapped pages and events, as a table
//	events      kept rows -> clean events, as a table
//	examples    clean events of whole sessions -> examples of sessions and their prefixes, or of session-item pairs, as a table
//	check       nothing -> nothing; it compiles the mapping, so that its faults are known before a task runs
//
// Kept rows are in parts, so that a query reads only what it needs; see parts.go.
package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/counts"
	"leapline/cleaner/internal/frames"
	"leapline/cleaner/internal/line"
	"leapline/cleaner/internal/row"
	"leapline/cleaner/internal/scan"
	"leapline/cleaner/internal/sessions"
)

type stage func(*config.Config, *frames.Reader, *frames.Writer) error

var stages = map[string]stage{
	"scan": scanLines, "duplicates": markDuplicates, "sessions": markSessions, "place": placeOrders, "sort": sortRows, "rows": writeRows,
	"orders": writeOrders, "spans": writeSpans, "profile": profileEvents, "events": writeEvents, "visitors": writeVisitors, "check": check,
	"examples": writeExamples,
}

// Run runs a stage with the options and frames of an input.
func Run(name string, input io.Reader, output io.Writer) error {
	stage, ok := stages[name]
	if !ok {
		return fmt.Errorf("no stage is named %q; expected one of %q", name, slices.Sorted(maps.Keys(stages)))
	}
	in, out := frames.NewReader(input), frames.NewWriter(output)
	text, err := in.Bytes()
	if err != nil {
		return err
	}
	options, err := config.Parse(text)
	if err != nil {
		return err
	}
	// After an error too: whoever reads the frames should meet the error, and no incomplete frame before it.
	return errors.Join(stage(options, in, out), out.Flush())
}

const day = 86_400_000_000

func check(c *config.Config, _ *frames.Reader, _ *frames.Writer) error {
	_, err := scan.New(c)
	return err
}

func scanLines(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	scanner, err := scan.New(c)
	if err != nil {
		return err
	}
	buckets := frames.NewBuckets(out, partRows, c.Buckets)
	add := func(r *row.Row) {
		if r != nil {
			put(buckets, scan.Bucket(r, c.Buckets), r, nil)
		}
	}
	err = eachFrame(in, map[byte]func() error{
		frames.Lines: func() error {
			return in.EachLine(func(text []byte, slice, landed int32) { add(scanner.Line(text, slice, int64(landed)*day)) })
		},
		frames.File: func() error {
			part, slice, landed, err := in.File()
			if err != nil {
				return err
			}
			return part.EachLine(func(text []byte) { add(scanner.Line(text, slice, int64(landed)*day)) })
		},
		frames.Columns: func() error {
			return in.EachEvent(func(e *frames.Typed) {
				collector, derived := line.Time{Micros: e.Collector, OK: e.HasCollector}, line.Time{Micros: e.Derived, OK: e.HasDerived}
				add(scanner.Columns(e.Values, collector, derived, e.Hash, e.Slice, int64(e.Day)*day))
			})
		},
	})
	return errors.Join(err, buckets.Flush(), writeCounts(out, scanner.Counts))
}

func markDuplicates(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	buckets, total := frames.NewBuckets(out, partRows, c.Buckets), counts.New()
	err := eachBucket(in, func(_ uint32, rows []row.Row) error {
		sessions.MarkDuplicates(rows)
		for i := range rows {
			if r := &rows[i]; r.Reason.IsKept() {
				r.Fingerprint = 0
				put(buckets, scan.SessionBucket(r, c.Buckets), r, nil)
			} else {
				total.Drop(r.Slice, r.Reason)
			}
		}
		return nil
	})
	return errors.Join(err, buckets.Flush(), writeCounts(out, total))
}

func markSessions(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	limits, total := sessions.Limits{Events: c.MaxSessionEvents, Micros: c.MaxSession}, counts.New()
	parts, err := newParts(c, out)
	if err != nil {
		return err
	}
	err = eachBucket(in, func(bucket uint32, rows []row.Row) error {
		sessions.Mark(rows, limits)
		for i := range rows {
			if r := &rows[i]; !r.Reason.IsKept() {
				total.Drop(r.Slice, r.Reason)
			}
		}
		sorted := sessions.Sort(sessions.Expand(rows))
		for _, r := range sorted {
			if r.Reason.IsKept() {
				total.Keep(r)
			}
		}
		return parts.add(int(bucket), sorted)
	})
	return errors.Join(err, parts.end(), writeCounts(out, total))
}

func placeOrders(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	buckets := frames.NewBuckets(out, partRows, c.Buckets)
	err := eachBucket(in, func(_ uint32, rows []row.Row) error {
		sessions.Place(rows, c.Placed)
		for i := range rows {
			put(buckets, scan.SessionBucket(&rows[i], c.Buckets), &rows[i], nil)
		}
		return nil
	})
	return errors.Join(err, buckets.Flush())
}

func sortRows(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	parts, err := newParts(c, out)
	if err != nil {
		return err
	}
	err = eachBucket(in, func(bucket uint32, rows []row.Row) error { return parts.add(int(bucket), sessions.Sort(rows)) })
	return errors.Join(err, parts.end())
}

// put appends a row to the block of its bucket; before is the row before it there, or nil.
func put(buckets *frames.Buckets, bucket int, r, before *row.Row) {
	buckets.Put(bucket, r.Append(buckets.Block(bucket), before))
}

// eachFrame calls the function of each frame's kind.
func eachFrame(in *frames.Reader, kinds map[byte]func() error) error {
	for {
		kind, err := in.Kind()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		read := kinds[kind]
		if read == nil {
			return fmt.Errorf("found a frame of kind %q, expected one of %q", kind, slices.Sorted(maps.Keys(kinds)))
		}
		if err := read(); err != nil {
			return err
		}
	}
}

// eachBucket calls f for the rows of each bucket; the blocks of a bucket follow one another.
func eachBucket(in *frames.Reader, f func(bucket uint32, rows []row.Row) error) error {
	return eachBlock(in, nil, f)
}

// eachBlock calls f as eachBucket does, and for blocks of other parts the functions of these parts.
func eachBlock(in *frames.Reader, others map[string]func([]byte) error, f func(bucket uint32, rows []row.Row) error) error {
	var rows []row.Row
	current := uint32(0)
	err := eachFrame(in, map[byte]func() error{frames.Block: func() error {
		part, bucket, block, err := in.Block()
		if err != nil {
			return err
		}
		if other := others[part]; other != nil {
			return other(block)
		}
		if bucket != current && len(rows) > 0 {
			if err := f(current, rows); err != nil {
				return err
			}
			clear(rows)
			rows = rows[:0]
		}
		current = bucket
		rows, err = row.Decode(block, rows)
		return err
	}})
	if err != nil || len(rows) == 0 {
		return err
	}
	return f(current, rows)
}

func writeCounts(out *frames.Writer, total *counts.Counts) error {
	text, err := json.Marshal(total.Finish())
	if err != nil {
		return err
	}
	return out.Block(partCounts, 0, text)
}
