package features

import (
	"strconv"
	"time"
	"unsafe"
)

func compileSpan(p *Program, f *Feature) evaluator {
	v := p.viewOf(f)
	return number(func(s *State) float64 {
		chosen := s.views[v]
		if len(chosen) == 0 {
			return 0
		}
		return float64(s.rows[chosen[len(chosen)-1]].ms-s.rows[chosen[0]].ms) / 1000
	})
}

func compileSince(p *Program, f *Feature) evaluator {
	v := p.viewOf(f)
	return number(func(s *State) float64 {
		chosen := s.views[v]
		if len(chosen) == 0 {
			return f.Missing
		}
		return float64(s.rows[len(s.rows)-1].ms-s.rows[chosen[len(chosen)-1]].ms) / 1000
	})
}

func compileDwell(p *Program, f *Feature) evaluator {
	v := p.viewOf(f)
	return number(func(s *State) float64 {
		n, total, longest := int64(len(s.views[v])), int64(0), int64(0)
		for _, i := range s.views[v] {
			total += s.rows[i].dwell
			longest = max(longest, s.rows[i].dwell)
		}
		switch {
		case n == 0:
			return f.Missing
		case f.Stat == "max":
			return float64(longest) / 1000
		case f.Stat == "total":
			return float64(total) / 1000
		}
		return ratio(total, 1000*n, f.Missing)
	})
}

// parts are the numeric parts of a timestamp, in UTC; nil for those that only appendDate can represent.
var parts = map[string]func(t time.Time) int{
	"month":          func(t time.Time) int { return int(t.Month()) },
	"day":            time.Time.Day,
	"hour":           time.Time.Hour,
	"minute":         time.Time.Minute,
	"second":         time.Time.Second,
	"second_of_day":  func(t time.Time) int { return t.Hour()*3600 + t.Minute()*60 + t.Second() },
	"weekday":        func(t time.Time) int { return (int(t.Weekday()) + 6) % 7 },
	"month_day":      nil,
	"month_day_hour": nil,
}

func compileTimePart(p *Program, f *Feature) evaluator {
	v, part := p.viewOf(f), parts[f.Part]
	at := func(s *State) time.Time {
		i := s.views[v][0]
		if f.At == "last" {
			i = s.views[v][len(s.views[v])-1]
		}
		return time.UnixMilli(s.rows[i].ms).UTC()
	}
	if !f.Categorical {
		return number(func(s *State) float64 {
			if len(s.views[v]) == 0 {
				return f.Missing
			}
			return float64(part(at(s)))
		})
	}
	return text(func(s *State) string {
		if len(s.views[v]) == 0 {
			return ""
		}
		start := len(s.text)
		if part == nil {
			s.text = appendDate(s.text, at(s), f.Part == "month_day_hour")
		} else {
			s.text = strconv.AppendInt(s.text, int64(part(at(s))), 10)
		}
		date := s.text[start:]
		return unsafe.String(unsafe.SliceData(date), len(date)) // stays valid if a later append moves the buffer
	})
}

// appendDate appends 03-14 or 03-14-09.
func appendDate(b []byte, t time.Time, hour bool) []byte {
	layout := "01-02"
	if hour {
		layout = "01-02-15"
	}
	return t.AppendFormat(b, layout)
}
