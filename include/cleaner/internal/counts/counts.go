// Package counts counts what became of a day's lines, so that every line can be accounted for.
package counts

import "leapline/cleaner/internal/row"

// Counts are the counts of one task. They travel with its rows, so that a task that Spark repeats is counted once.
type Counts struct {
	Slices  map[int32]*Slice `json:"slices,omitempty"`
	Dropped []Dropped        `json:"dropped,omitempty"`
	Groups  []*Group         `json:"groups,omitempty"`

	dropped map[Dropped]int64
	groups  map[key]*Group
}

// Slice counts the lines of a slice as they are read.
type Slice struct {
	Lines     int64 `json:"lines"`
	Bytes     int64 `json:"bytes"`
	OtherDays int64 `json:"other_days"` // dropped before they were split
}

// Dropped counts lines that are dropped.
type Dropped struct {
	Slice  int32  `json:"slice"`
	Reason string `json:"reason"`
	Lines  int64  `json:"lines"`
}

// Group counts kept rows of one slice, reason, number of columns and currency.
type Group struct {
	Slice    int32   `json:"slice"`
	Reason   *string `json:"reason"` // null for events
	Width    *int32  `json:"width"`  // null for the usual one
	Currency *string `json:"currency"`
	Rows     int64   `json:"rows"`
	Lines    int64   `json:"lines"`
	Bytes    int64   `json:"bytes"`
	Late     int64   `json:"late"`    // lines that arrived after the look-ahead
	Priced   int64   `json:"priced"`  // lines with a price
	Undated  int64   `json:"undated"` // lines without a readable time of arrival
}

type key struct {
	slice, width int32
	reason       row.Reason
	currency     row.Text
}

// New returns empty counts.
func New() *Counts {
	return &Counts{Slices: map[int32]*Slice{}, dropped: map[Dropped]int64{}, groups: map[key]*Group{}}
}

// Read counts a line of a slice.
func (c *Counts) Read(slice int32, bytes int) *Slice {
	s := c.Slices[slice]
	if s == nil {
		s = &Slice{}
		c.Slices[slice] = s
	}
	s.Lines++
	s.Bytes += int64(bytes)
	return s
}

// Drop counts a line that is dropped.
func (c *Counts) Drop(slice int32, reason row.Reason) {
	c.dropped[Dropped{Slice: slice, Reason: reason.String()}]++
}

// Keep counts a kept row.
func (c *Counts) Keep(r *row.Row) {
	k := key{r.Slice, r.Width, r.Reason, r.Currency}
	g := c.groups[k]
	if g == nil {
		g = newGroup(k)
		c.groups[k] = g
		c.Groups = append(c.Groups, g)
	}
	g.Rows++
	if r.Nth > 0 {
		return
	}
	g.Lines++
	g.Bytes += int64(r.Bytes)
	for _, count := range []struct {
		is bool
		n  *int64
	}{{r.AfterTail, &g.Late}, {r.HasPrice, &g.Priced}, {!r.Dated, &g.Undated}} {
		if count.is {
			*count.n++
		}
	}
}

func newGroup(k key) *Group {
	g := &Group{Slice: k.slice}
	if k.reason != row.Event {
		name := k.reason.String()
		g.Reason = &name
	}
	if k.width != 0 {
		g.Width = &k.width
	}
	if k.currency.OK {
		g.Currency = &k.currency.Value
	}
	return g
}

// Finish completes the lists.
func (c *Counts) Finish() *Counts {
	c.Dropped = c.Dropped[:0]
	for d, lines := range c.dropped {
		d.Lines = lines
		c.Dropped = append(c.Dropped, d)
	}
	return c
}
