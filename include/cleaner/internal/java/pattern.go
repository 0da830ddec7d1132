package java

import (
	"fmt"
	"strings"

	"github.com/dlclark/regexp2/v2"
)

const memoryPerPattern = 1 << 16

// Pattern is a regular expression of Java that looks for a match anywhere in a text. It remembers its results, because the
// same paths, categories and items come again and again.
type Pattern struct {
	expression *regexp2.Regexp
	matches    map[string]bool
	groups     map[string]string
}

// Compile compiles a regular expression of Java, in which \w, \d, \s and \b mean ASCII characters.
func Compile(expression string) (*Pattern, error) {
	translated, err := translate(expression)
	if err != nil {
		return nil, err
	}
	compiled, err := regexp2.Compile(translated, regexp2.RE2)
	if err != nil {
		return nil, fmt.Errorf("regular expression %.80q: %w", expression, err)
	}
	return &Pattern{compiled, map[string]bool{}, map[string]string{}}, nil
}

// Matches reports whether the expression matches anywhere in the text.
func (p *Pattern) Matches(text string) bool {
	if result, ok := p.matches[text]; ok {
		return result
	}
	result := p.MatchesNew(text)
	if len(p.matches) >= memoryPerPattern {
		clear(p.matches)
	}
	p.matches[strings.Clone(text)] = result
	return result
}

// MatchesNew is Matches for texts that hardly come again.
func (p *Pattern) MatchesNew(text string) bool {
	result, err := p.expression.MatchString(text)
	return result && err == nil
}

// FirstGroup returns the first group of the first match; empty without a match.
func (p *Pattern) FirstGroup(text string) string {
	if result, ok := p.groups[text]; ok {
		return result
	}
	result := ""
	if match, err := p.expression.FindStringMatch(text); err == nil && match != nil {
		result = match.GroupByNumber(1).String()
	}
	if len(p.groups) >= memoryPerPattern {
		clear(p.groups)
	}
	p.groups[strings.Clone(text)] = result
	return result
}

// All returns all matches.
func (p *Pattern) All(text string) []string {
	var all []string
	match, err := p.expression.FindStringMatch(text)
	for err == nil && match != nil {
		all = append(all, match.String())
		match, err = p.expression.FindNextMatch(match)
	}
	return all
}

// Replace replaces all matches by a text.
func (p *Pattern) Replace(text, replacement string) string {
	result, err := p.expression.Replace(text, strings.ReplaceAll(replacement, "$", "$$"), -1, -1)
	if err != nil {
		return text
	}
	return result
}
