package stages

import (
	"errors"
	"fmt"
	"math"

	"leapline/cleaner/internal/config"
	"leapline/cleaner/internal/frames"
	"leapline/cleaner/internal/personal"
	"leapline/cleaner/internal/profile"
	"leapline/cleaner/internal/row"
)

// writeRows writes kept rows: reason, event_id, slice, line_hash, line_bytes, width, session, visitor, order,
// former_order, ts, collector_ts, kind,
// price, currency, nth, after_tail.
func writeRows(_ *config.Config, in *frames.Reader, out *frames.Writer) error {
	return writeSelected(in, out, func(*row.Row) bool { return true })
}

// writeOrders writes those of events with an order, as writeRows.
func writeOrders(_ *config.Config, in *frames.Reader, out *frames.Writer) error {
	return writeSelected(in, out, func(r *row.Row) bool { return r.Order.OK })
}

func writeSelected(in *frames.Reader, out *frames.Writer, isSelected func(*row.Row) bool) error {
	output := frames.NewOutput(out.Table, "ssisiissssllsdsii")
	err := eachBucket(in, func(_ uint32, rows []row.Row) error {
		for i := range rows {
			if isSelected(&rows[i]) {
				addRow(output.Columns, &rows[i])
				output.End()
			}
		}
		return nil
	})
	return errors.Join(err, output.Flush())
}

func addRow(c []*frames.Column, r *row.Row) {
	c[0].Text(r.Reason.String(), r.Reason != row.Event)
	c[1].Text(r.EventID, true)
	c[2].Int(r.Slice, true)
	c[3].Text(fmt.Sprintf("%016x", r.Hash), true)
	c[4].Int(r.Bytes, true)
	c[5].Int(r.Width, r.Width != 0)
	for i, id := range [...]*row.ID{&r.Session, &r.Visitor, &r.Order, &r.FormerOrder} {
		c[6+i].Text(string(id.Value[:]), id.OK)
	}
	c[10].Long(r.Time, true)
	c[11].Long(r.Collector, r.Dated)
	c[12].Text(r.Kind, r.Kind != "")
	c[13].Double(r.Price, r.HasPrice)
	c[14].Text(r.Currency.Value, r.Currency.OK)
	c[15].Int(r.Nth, true)
	afterTail := int32(0)
	if r.AfterTail {
		afterTail = 1
	}
	c[16].Int(afterTail, true)
}

// writeSpans writes visitor, session, first_ts and last_ts.
func writeSpans(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	output := frames.NewOutput(out.Table, "ssll")
	err := eachSession(c, in, func(events []profile.Event) {
		first, last := map[row.ID]int64{}, map[row.ID]int64{}
		for _, e := range events {
			if _, ok := first[e.Row.Visitor]; !ok {
				first[e.Row.Visitor] = e.Time
			}
			last[e.Row.Visitor] = e.Time
		}
		for visitor, at := range first {
			output.Columns[0].Text(string(visitor.Value[:]), true)
			output.Columns[1].Text(string(events[0].Row.Session.Value[:]), true)
			output.Columns[2].Long(at, true)
			output.Columns[3].Long(last[visitor], true)
			output.End()
		}
	})
	return errors.Join(err, output.Flush())
}

// writeEvents writes clean events: event_id, session, visitor, ts, collector_ts, kind, page, item, category, price, quantity, device,
// referrer, session_index.
func writeEvents(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	output := frames.NewOutput(out.Table, "sssllssssdissi")
	err := eachSession(c, in, func(events []profile.Event) {
		for i := range events {
			addEvent(output.Columns, &events[i])
			output.End()
		}
	})
	return errors.Join(err, output.Flush())
}

func addEvent(c []*frames.Column, e *profile.Event) {
	r := e.Row
	c[0].Text(e.Number, true)
	c[1].Text(e.Session, true)
	c[2].Text(e.Visitor, true)
	c[3].Long(r.Time, true)
	c[4].Long(r.Collector, r.Dated)
	c[5].Text(r.Kind, true)
	c[6].Text(r.Page, r.Page != "")
	c[7].Text(r.Item.Value, r.Item.OK)
	c[8].Text(r.Category.Value, r.Category.OK)
	c[9].Double(r.Price, r.HasPrice)
	c[10].Int(r.Quantity, r.HasQuantity)
	c[11].Text(r.Device.Value, r.Device.OK)
	c[12].Text(r.Referrer.Value, r.Referrer.OK)
	c[13].Int(r.SessionIndex, r.HasIndex)
}

// What an entry of a profile is about.
const (
	ofVisitor int32 = iota // key: visitor; its sessions
	ofName                 // key: an unmapped page or event; its sessions, those with an order, and of these those near it
	ofEvents               // key: a statistic; its sum
	ofHash                 // the hashes of all events, to combine by exclusive or
	ofPrice                // the bits of the largest price, which is not negative
)

const entryKinds = "islll"

// profileEvents writes statistics, which the entries of all tasks make together: entry, key, and three numbers. It passes on those of
// sessions without an order, and adds those of sessions with one.
func profileEvents(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	p, err := newProfile(c)
	if err != nil {
		return err
	}
	splitter := newSplitter(c, p.Session)
	passOn := map[string]func([]byte) error{partProfile: out.Frame}
	err = eachBlock(in, passOn, func(_ uint32, rows []row.Row) error { splitter.bucket(pointers(rows)); return nil })
	return errors.Join(err, writeEntries(p, frames.NewOutput(out.Table, entryKinds)))
}

func newProfile(c *config.Config) (*profile.Profile, error) {
	detector, err := personal.New(&c.Patterns, c.DetectNumbers)
	if err != nil {
		return nil, err
	}
	return profile.New(c.Start, detector, c.Kinds), nil
}

func writeEntries(p *profile.Profile, output *frames.Output) error {
	for visitor, n := range p.Visitors {
		addEntry(output, ofVisitor, string(visitor[:]), n, 0, 0)
	}
	for name, n := range p.Names {
		addEntry(output, ofName, name, n.Sessions, n.OrderSessions, n.NearOrder)
	}
	for name, n := range p.Counts() {
		addEntry(output, ofEvents, name, n, 0, 0)
	}
	addEntry(output, ofEvents, "hash_sum", p.HashSum, 0, 0)
	addEntry(output, ofHash, "hash_xor", p.HashXor, 0, 0)
	addEntry(output, ofPrice, "largest_price", int64(math.Float64bits(p.LargestPrice)), 0, 0)
	return output.Flush()
}

func addEntry(output *frames.Output, entry int32, key string, numbers ...int64) {
	output.Columns[0].Int(entry, true)
	output.Columns[1].Text(key, true)
	for i, n := range numbers {
		output.Columns[2+i].Long(n, true)
	}
	output.End()
}

// writeVisitors writes name and visitor of the sessions with one of the listed names.
func writeVisitors(c *config.Config, in *frames.Reader, out *frames.Writer) error {
	output, names := frames.NewOutput(out.Table, "ss"), map[string]bool{}
	for _, name := range c.Names {
		names[name] = true
	}
	err := eachSession(c, in, func(events []profile.Event) {
		for _, e := range events {
			if names[e.Unmapped] {
				output.Columns[0].Text(e.Unmapped, true)
				output.Columns[1].Text(e.Visitor, true)
				output.End()
			}
		}
	})
	return errors.Join(err, output.Flush())
}
