package java

import "time"

const (
	day     = 86_400_000_000
	maxYear = 294_246 // later years exceed microseconds in 64 bits
)

// Timestamp reads a time in UTC as Spark's try_cast reads it with an appended Z: years of four to six digits, other parts of
// one or two, a fraction of which six digits count.
//
// Returns microseconds since 1970.
func Timestamp(s string) (int64, bool) {
	if micros, ok := usualTimestamp(s); ok {
		return micros, true
	}
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	sign := 1
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	var parts [6]int
	for i := range parts {
		size := 0
		for size < len(s) && isDigit(s[size]) {
			size++
		}
		if (i == 0 && (size < 4 || size > 6)) || (i > 0 && (size < 1 || size > 2)) {
			return 0, false
		}
		for _, c := range []byte(s[:size]) {
			parts[i] = parts[i]*10 + int(c-'0')
		}
		s = s[size:]
		if i == 5 {
			break
		}
		if len(s) == 0 || !endsPart(i, s[0]) {
			return 0, false
		}
		s = s[1:]
	}
	micros, ok := fraction(s)
	if !ok {
		return 0, false
	}
	return instant(sign*parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], micros)
}

// endsPart reports whether a character separates part i of a time from the next.
func endsPart(i int, c byte) bool {
	switch i {
	case 0, 1:
		return c == '-'
	case 2:
		return c == ' ' || c == 'T'
	}
	return c == ':'
}

// fraction reads what follows the seconds: nothing, or a point and digits.
func fraction(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != '.' {
		return 0, false
	}
	micros := 0
	for i := 1; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		if i <= 6 {
			micros = micros*10 + int(s[i]-'0')
		}
	}
	for i := len(s); i <= 6; i++ {
		micros *= 10
	}
	return micros, true
}

// usualTimestamp reads `yyyy-MM-dd HH:mm:ss` with an optional fraction.
func usualTimestamp(s string) (int64, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	var parts [6]int
	for i, at := range [6]int{2, 5, 8, 11, 14, 17} {
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return 0, false
		}
		parts[i] = int(tens)*10 + int(ones)
	}
	tens, ones := s[0]-'0', s[1]-'0'
	if tens > 9 || ones > 9 {
		return 0, false
	}
	micros, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	return instant(int(tens)*1000+int(ones)*100+parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], micros)
}

// instant returns the microseconds since 1970 of a date and time that exist.
func instant(year, month, dayOfMonth, hour, minute, second, micros int) (int64, bool) {
	if month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	if year > maxYear || year < -maxYear {
		return 0, false
	}
	seconds := int64(hour*3600 + minute*60 + second)
	return daysSince1970(year, month, dayOfMonth)*day + seconds*1_000_000 + int64(micros), true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts the days of the Gregorian calendar.
func daysSince1970(year, month, dayOfMonth int) int64 {
	return time.Date(year, time.Month(month), dayOfMonth, 0, 0, 0, 0, time.UTC).Unix() / 86_400
}
