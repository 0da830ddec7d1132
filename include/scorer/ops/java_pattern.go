package ops

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// pattern is a regular expression of Java. One that is a class of characters, perhaps repeated as in \s+ or [^a-z]+, is
// matched without allocating memory.
type pattern struct {
	expression *regexp.Regexp
	class      []rune // ranges of the class as pairs, or nil
	repeated   bool
}

// compileJavaPattern compiles a regular expression of Java. It rejects constructs with another meaning in Go, or without an
// equivalent: look-around, back references, possessive quantifiers, \b, ^, $, flags, and nested classes.
func compileJavaPattern(expression string) (*pattern, error) {
	translated, err := translateJava(expression)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp.Compile(translated)
	if err != nil {
		return nil, fmt.Errorf("unsupported regular expression %.80q: %w", expression, err)
	}
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, err
	}
	tree = tree.Simplify()
	if canBeEmpty(tree) {
		return nil, fmt.Errorf("regular expression %.80q matches the empty string, which is not supported", expression)
	}
	p := &pattern{expression: compiled}
	if tree.Op == syntax.OpPlus {
		p.repeated = true
		tree = tree.Sub[0]
	}
	switch {
	case tree.Op == syntax.OpCharClass:
		p.class = tree.Rune
	case tree.Op == syntax.OpLiteral && len(tree.Rune) == 1 && tree.Flags&syntax.FoldCase == 0:
		p.class = []rune{tree.Rune[0], tree.Rune[0]}
	}
	return p, nil
}

// canBeEmpty reports whether an expression can match the empty string.
func canBeEmpty(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpPlus, syntax.OpCapture:
		return canBeEmpty(e.Sub[0])
	case syntax.OpRepeat:
		return e.Min == 0 || canBeEmpty(e.Sub[0])
	case syntax.OpConcat:
		for _, sub := range e.Sub {
			if !canBeEmpty(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range e.Sub {
			if canBeEmpty(sub) {
				return true
			}
		}
		return false
	}
	return true
}

// find returns the first match at or after a position, or -1.
func (p *pattern) find(text string, from int) (start, end int) {
	if p.class == nil {
		loc := p.expression.FindStringIndex(text[from:])
		if loc == nil {
			return -1, -1
		}
		return from + loc[0], from + loc[1]
	}
	for i := from; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if !p.contains(c) {
			i += size
			continue
		}
		end := i + size
		for p.repeated && end < len(text) {
			c, size := utf8.DecodeRuneInString(text[end:])
			if !p.contains(c) {
				break
			}
			end += size
		}
		return i, end
	}
	return -1, -1
}

func (p *pattern) contains(c rune) bool {
	for i := 0; i < len(p.class); i += 2 {
		if c >= p.class[i] && c <= p.class[i+1] {
			return true
		}
	}
	return false
}

// javaEscapes maps escapes of Java to the content of a class of Go.
var javaEscapes = map[byte]string{
	's': `\t\n\x0B\f\r `, 'h': `\t \x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}`,
	'v': `\n\x0B\f\r\x{85}\x{2028}\x{2029}`, 'd': `0-9`, 'w': `a-zA-Z_0-9`, 'e': `\x1B`,
}

// javaProperties maps the POSIX classes of Java to those of Go.
var javaProperties = map[string]string{
	"Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum", "Punct": "punct",
	"Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit",
}

// translateJava returns the expression of Go with the same meaning.
func translateJava(expression string) (string, error) {
	var out strings.Builder
	inClass := false
	for i := 0; i < len(expression); {
		rest := expression[i:]
		c := expression[i]
		switch {
		case c == '\\':
			text, size, err := translateEscape(rest, inClass)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i += size
			continue
		case inClass && c == ']':
			inClass = false
		case inClass && (c == '[' || strings.HasPrefix(rest, "&&")):
			return "", unsupported(rest, "nested classes and intersections")
		case inClass:
		case c == '[':
			inClass = true
			out.WriteByte(c)
			i++
			if strings.HasPrefix(expression[i:], "^") {
				out.WriteByte('^')
				i++
			}
			if strings.HasPrefix(expression[i:], "]") {
				return "", unsupported(rest, "a class that starts with ]")
			}
			continue
		case strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:"):
			return "", unsupported(rest, "look-around, flags and named groups")
		case c == '$' || c == '^':
			return "", unsupported(rest, "^ and $")
		case c == '.':
			out.WriteString(`[^\n\r\x{85}\x{2028}\x{2029}]`)
			i++
			continue
		}
		out.WriteByte(c)
		i++
	}
	return out.String(), nil
}

// translateEscape translates the escape at the start of rest and returns its size.
func translateEscape(rest string, inClass bool) (text string, size int, err error) {
	if len(rest) < 2 {
		return "", 0, unsupported(rest, "a trailing backslash")
	}
	c := rest[1]
	if class, ok := javaEscapes[c|0x20]; ok && c != 'E' {
		switch upper := c < 'a'; {
		case upper && inClass:
			return "", 0, unsupported(rest, "a negated class within a class")
		case upper:
			return "[^" + class + "]", 2, nil
		case inClass:
			return class, 2, nil
		default:
			return "[" + class + "]", 2, nil
		}
	}
	switch {
	case c == 'p' || c == 'P':
		return translateProperty(rest, inClass)
	case c == 'u' && len(rest) >= 6:
		return `\x{` + rest[2:6] + `}`, 6, nil
	case c == 'x' || strings.IndexByte("tnrfa", c) >= 0:
		return rest[:2], 2, nil
	case c >= utf8.RuneSelf || (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9'):
		return "", 0, unsupported(rest, "this escape")
	}
	return rest[:2], 2, nil
}

func translateProperty(rest string, inClass bool) (text string, size int, err error) {
	name, size := "", 0
	if end := strings.IndexByte(rest, '}'); strings.HasPrefix(rest[2:], "{") && end > 0 {
		name, size = rest[3:end], end+1
	} else if len(rest) > 2 {
		name, size = rest[2:3], 3
	}
	if posix, ok := javaProperties[name]; ok {
		if rest[1] == 'P' {
			posix = "^" + posix
		}
		if inClass {
			return "[:" + posix + ":]", size, nil
		}
		return "[[:" + posix + ":]]", size, nil
	}
	if len(name) == 0 || len(name) > 2 {
		return "", 0, unsupported(rest, "this property")
	}
	return `\` + rest[1:2] + `{` + name + `}`, size, nil
}

func unsupported(rest, construct string) error {
	return fmt.Errorf("the scorer does not support %s in a regular expression (at %.20q); rewrite the expression", construct, rest)
}
