package stages

import (
	"bytes"
	"errors"
	"slices"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/frames"
	"leapline/cleaner/internal/profile"
	"leapline/cleaner/internal/row"
)

// The parts of what moves from task to task.
const (
	partRows           = "rows"            // lines on their way to their sessions
	partEvents         = "events"          // rows of events, by session
	partOrdered        = "ordered"         // again those of sessions with an order
	partQuarantine     = "quarantine"      // rows that go into quarantine
	partWithoutSession = "without_session" // orders that may still be assigned to a session
	partProfile        = "profile"         // the profile of sessions without an order, as a table
	partCounts         = "counts"          // what became of a task's lines, as JSON
)

// parts writes kept rows, each to the parts that it belongs to. Sessions without an order are profiled on the way, because nothing
// changes them any more; those with an order may lose one that was counted before.
type parts struct {
	out                                         *frames.Writer
	events, ordered, quarantine, withoutSession *part
	splitter                                    *splitter
	profile                                     *profile.Profile
	bucket                                      int
}

type part struct {
	buckets *frames.Buckets
	before  *row.Row
}

func newParts(c *config.Config, out *frames.Writer) (*parts, error) {
	new := func(name string) *part { return &part{buckets: frames.NewBuckets(out, name, c.Buckets)} }
	p := &parts{
		out: out, events: new(partEvents), ordered: new(partOrdered), quarantine: new(partQuarantine),
		withoutSession: new(partWithoutSession),
	}
	p.splitter = newSplitter(c, p.session)
	var err error
	p.profile, err = newProfile(c)
	return p, err
}

// add writes the rows of a bucket, which are sorted.
func (p *parts) add(bucket int, rows []*row.Row) error {
	p.bucket = bucket
	for _, part := range p.ofRows() {
		part.before = nil
	}
	for _, r := range rows {
		switch {
		case r.Reason == row.Event:
			p.events.add(bucket, r)
		case r.Reason.IsQuarantined():
			p.quarantine.add(bucket, r)
		case r.Reason == row.WithoutSession:
			p.withoutSession.add(bucket, r)
		}
	}
	p.splitter.bucket(slices.Values(rows))
	return p.flush()
}

func (p *part) add(bucket int, r *row.Row) {
	put(p.buckets, bucket, r, p.before)
	p.before = r
}

func (p *parts) session(events []profile.Event) {
	if !slices.ContainsFunc(events, func(e profile.Event) bool { return e.Row.Order.OK }) {
		p.profile.Session(events)
		return
	}
	for _, e := range events {
		p.ordered.add(p.bucket, e.Row)
	}
}

func (p *parts) ofRows() [4]*part {
	return [4]*part{p.events, p.ordered, p.quarantine, p.withoutSession}
}

func (p *parts) flush() error {
	var errs []error
	for _, part := range p.ofRows() {
		errs = append(errs, part.buckets.Flush())
	}
	return errors.Join(errs...)
}

// end writes the profile.
func (p *parts) end() error {
	return writeEntries(p.profile, frames.NewOutput(func(columns []*frames.Column) error {
		var block bytes.Buffer
		table := frames.NewWriter(&block)
		if err := errors.Join(table.Table(columns), table.Flush()); err != nil {
			return err
		}
		return p.out.Block(partProfile, 0, block.Bytes())
	}, entryKinds))
}
