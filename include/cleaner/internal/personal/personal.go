// Package personal detects personal data in texts that should contain none. The patterns are those of
// `leapline.events.personal`, which says what they detect.
package personal

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"leapline/cleaner/internal/java"
)

// Patterns are regular expressions that work alike in Python and Java.
type Patterns struct {
	Substitutions [][2]string `json:"substitutions"` // pattern -> text that it hides
	Wide          string      `json:"wide"`          // characters that Narrow replaces, one by one
	Narrow        string      `json:"narrow"`
	Special       string      `json:"special"`   // a character for which a substitution exists, except ASCII
	Bracketed     string      `json:"bracketed"` // (at) or (dot)
	Email         string      `json:"email"`
	Address       string      `json:"address"`
	Encoded       string      `json:"encoded"` // a part that can be base64
	Phones        []Phone     `json:"phones"`
	Card          string      `json:"card"`
	IBAN          string      `json:"iban"`
}

// Phone is a form of phone numbers, and texts of which one is in each number of that form.
type Phone struct {
	Parts []string `json:"parts"`
	Form  string   `json:"form"`
}

const remembered = 1 << 17

// Detector detects personal data. One goroutine may use it.
type Detector struct {
	substitutions                               []substitution
	wide                                        *strings.Replacer
	special, bracketed, email, address, encoded *java.Pattern
	phones                                      []phone
	card, iban                                  *java.Pattern
	numbers                                     bool
	results                                     map[string]bool
}

type substitution struct {
	pattern *java.Pattern
	text    string
}

type phone struct {
	parts []string
	form  *java.Pattern
}

// New compiles the patterns.
func New(p *Patterns, numbers bool) (*Detector, error) {
	d := &Detector{numbers: numbers, results: map[string]bool{}}
	var first error
	compile := func(text string) *java.Pattern {
		pattern, err := java.Compile(text)
		if err != nil && first == nil {
			first = err
		}
		return pattern
	}
	for _, pair := range p.Substitutions {
		d.substitutions = append(d.substitutions, substitution{compile(pair[0]), pair[1]})
	}
	var pairs []string
	narrow := []rune(p.Narrow)
	for i, wide := range []rune(p.Wide) {
		pairs = append(pairs, string(wide), string(narrow[i]))
	}
	d.wide = strings.NewReplacer(pairs...)
	d.special, d.bracketed = compile(p.Special), compile(p.Bracketed)
	d.email, d.address, d.encoded = compile(p.Email), compile(p.Address), compile(p.Encoded)
	for _, form := range p.Phones {
		d.phones = append(d.phones, phone{form.Parts, compile(form.Form)})
	}
	d.card, d.iban = compile(p.Card), compile(p.IBAN)
	return d, first
}

// Detects reports whether a text contains personal data, in plain text or encoded.
func (d *Detector) Detects(text []byte) bool {
	if result, ok := d.results[string(text)]; ok {
		return result
	}
	result := d.detects(string(text))
	if len(d.results) >= remembered {
		clear(d.results)
	}
	d.results[string(text)] = result
	return result
}

func (d *Detector) detects(text string) bool {
	plain := d.plain(text)
	return strings.IndexByte(plain, '@') >= 0 && d.email.MatchesNew(plain) ||
		strings.ContainsAny(plain, ".:") && d.address.MatchesNew(plain) ||
		d.numbers && hasManyDigits(plain) && d.hasNumber(plain) ||
		hasLongWord(plain) && d.hasEncodedEmail(plain)
}

// plain undoes encodings that hide an address or a number.
func (d *Detector) plain(text string) string {
	if !d.mayBeEncoded(text) {
		return text
	}
	for _, s := range d.substitutions {
		text = s.pattern.Replace(text, s.text)
	}
	return d.wide.Replace(text)
}

// mayBeEncoded reports whether a substitution can apply: looking for one character costs a fraction of a pattern.
func (d *Detector) mayBeEncoded(text string) bool {
	return followed(text, '%', func(c byte) bool { return c-'0' <= 9 }) ||
		followed(text, '&', func(c byte) bool { return c == '#' || c-'a' <= 25 }) ||
		strings.IndexByte(text, '\\') >= 0 ||
		!isASCII(text) && d.special.MatchesNew(text) ||
		strings.ContainsAny(text, "[({") && d.bracketed.MatchesNew(text)
}

func followed(text string, c byte, by func(byte) bool) bool {
	for {
		at := strings.IndexByte(text, c)
		if at < 0 || at+1 == len(text) {
			return false
		}
		if by(text[at+1]) {
			return true
		}
		text = text[at+1:]
	}
}

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (d *Detector) hasEncodedEmail(text string) bool {
	for _, part := range d.encoded.All(text) {
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(part, "="))
		if err == nil && d.email.MatchesNew(latin1(decoded)) {
			return true
		}
	}
	return false
}

func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// hasLongWord reports whether a text has twelve letters or digits in sequence, as base64 of an address has.
func hasLongWord(text string) bool {
	size := 0
	for i := 0; i < len(text) && size < 12; i++ {
		if c := text[i]; c-'0' <= 9 || (c|0x20)-'a' <= 25 {
			size++
		} else {
			size = 0
		}
	}
	return size == 12
}
