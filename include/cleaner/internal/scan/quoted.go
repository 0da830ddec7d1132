package scan

import "strconv"

const hexDigits = "0123456789ABCDEF"

// appendQuoted appends a text as JSON; characters outside ASCII stay as they are.
func appendQuoted(b []byte, text string) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			if c < ' ' {
				b = append(b, `\u00`...)
				c = hexDigits[c>>4]
				b = append(b, c, hexDigits[text[i]&15])
				continue
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendInt(b []byte, n int32) []byte { return strconv.AppendInt(b, int64(n), 10) }
