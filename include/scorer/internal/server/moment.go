package server

import "time"

// The moments that are taken: the years 1 to 9999.
var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC).UnixMilli()
)

const wantedMoment = "an ISO 8601 time, such as 2026-03-14T09:26:53.589Z, or whole milliseconds since 1970 (UTC)"

// readMoment takes a time and gives its microseconds since 1970 (UTC).
func (v *visit) readMoment() (micros int64, err error) {
	s := &v.x.scan
	next, start := s.Peek(), s.Pos()
	switch {
	case next == '"':
		text, err := s.String()
		if err != nil {
			return 0, notJSON(err)
		}
		if micros, ok := parseMoment(text); ok {
			return micros, nil
		}
	case next == '-' || next-'0' <= 9:
		raw, err := s.Number()
		if err != nil {
			return 0, notJSON(err)
		}
		if ms, whole := wholeNumber(raw); whole && ms >= firstMoment && ms <= lastMoment {
			return ms * 1000, nil
		}
	}
	s.Seek(start)
	return 0, v.wrong(wantedMoment)
}

// parseMoment reads 2026-03-14T09:26:53.589793+01:00: a T or a blank between date and time, any number of decimals or
// none, of which six count, and Z, an offset or nothing, which is UTC too.
func parseMoment(b []byte) (micros int64, ok bool) {
	const form = "dddd-dd-dd dd:dd:dd"
	if len(b) < len(form) {
		return 0, false
	}
	for i := range len(form) {
		switch c := b[i]; {
		case form[i] == 'd' && c-'0' > 9, form[i] == ' ' && c|0x20 != 't' && c != ' ':
			return 0, false
		case form[i] == '-' && c != '-', form[i] == ':' && c != ':':
			return 0, false
		}
	}
	year, month, day := two(b)*100+two(b[2:]), two(b[5:]), two(b[8:])
	hour, minute, second := two(b[11:]), two(b[14:]), two(b[17:])
	if year == 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	fraction, rest, ok := decimals(b[len(form):])
	if !ok {
		return 0, false
	}
	offset, ok := zone(rest)
	seconds := daysSince1970(year, month, day)*86400 + int64(hour*3600+minute*60+second) - offset
	micros = seconds*1_000_000 + fraction
	return micros, ok && micros >= firstMoment*1000 && micros <= lastMoment*1000+999
}

func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

// decimals reads a point and digits, if they are there, as microseconds.
func decimals(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	i, unit := 1, int64(100_000)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		micros += int64(b[i]-'0') * unit
		unit /= 10
	}
	return micros, b[i:], i > 1
}

// zone reads Z, an offset as +01:00, +0100 or +01, or nothing, as seconds.
func zone(b []byte) (seconds int64, ok bool) {
	switch {
	case len(b) == 0 || (len(b) == 1 && b[0]|0x20 == 'z'):
		return 0, true
	case b[0] != '+' && b[0] != '-':
		return 0, false
	}
	digits := b[1:]
	if len(digits) == 5 && digits[2] == ':' {
		digits = []byte{digits[0], digits[1], digits[3], digits[4]}
	}
	if len(digits) == 2 {
		digits = []byte{digits[0], digits[1], '0', '0'}
	}
	if len(digits) != 4 {
		return 0, false
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
	}
	hours, minutes := two(digits), two(digits[2:])
	seconds = int64(hours*3600 + minutes*60)
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, hours < 24 && minutes < 60
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the Gregorian calendar, from March to March: leap days then come last in a year.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era, inEra := year/400, year%400
	inYear := (153*((month+9)%12)+2)/5 + day - 1
	return int64(era*146097+inEra*365+inEra/4-inEra/100+inYear) - 719468
}
