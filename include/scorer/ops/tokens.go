package ops

import (
	"slices"
	"strings"
	"unicode/utf8"

	"leapline/scorer/engine"
)

// Ops on lists of strings, which are the tokens of a text:
//
//	tokenizer          converts a string to lower case and splits it at each white space character
//	regex_tokenizer    splits at the matches of a regular expression, or returns the matches
//	stopwords_remover  removes tokens that are in a list
//	ngram              joins each n consecutive tokens with spaces
func init() {
	engine.Register("tokenizer", newTokenizer)
	engine.Register("regex_tokenizer", newRegexTokenizer)
	engine.Register("stopwords_remover", newStopWordsRemover)
	engine.Register("ngram", newNGram)
}

type tokenizer struct {
	in  engine.Text
	out engine.TextListOut
}

func newTokenizer(s *engine.Stage) engine.Step {
	return tokenizer{s.Text("input"), s.NewTextList("output")}
}

func (t tokenizer) Run(r *engine.Row) error {
	text, err := t.in.Get(r)
	if err != nil {
		return err
	}
	text = r.Lower(text)
	tokens := t.out.Buffer(r)
	if strings.IndexFunc(text, isJavaSpace) < 0 { // Java returns a string without a match, even if it is empty
		t.out.Set(r, append(tokens, text))
		return nil
	}
	start := 0
	for i := range len(text) {
		if isJavaSpace(rune(text[i])) {
			tokens = append(tokens, text[start:i])
			start = i + 1
		}
	}
	t.out.Set(r, trimEmpty(append(tokens, text[start:])))
	return nil
}

// isJavaSpace reports whether a character matches \s in Java.
func isJavaSpace(c rune) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

// trimEmpty removes empty strings from the end, as Java's split does.
func trimEmpty(tokens []string) []string {
	for len(tokens) > 0 && tokens[len(tokens)-1] == "" {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

type regexTokenizer struct {
	in        engine.Text
	out       engine.TextListOut
	pattern   *pattern
	gaps      bool
	lower     bool
	minLength int
}

func newRegexTokenizer(s *engine.Stage) engine.Step {
	expression := s.String("regex")
	t := regexTokenizer{gaps: s.Bool("match_gaps"), lower: s.Bool("lowercase_text"), minLength: int(s.Int("token_min_length"))}
	if s.Failed() {
		return nil
	}
	compiled, err := compileJavaPattern(expression)
	if err != nil {
		s.Fail("attribute \"regex\": %w", err)
		return nil
	}
	t.pattern = compiled
	t.in, t.out = s.Text("input"), s.NewTextList("output")
	s.Describe("%.40q", expression)
	return t
}

func (t regexTokenizer) Run(r *engine.Row) error {
	text, err := t.in.Get(r)
	if err != nil {
		return err
	}
	if t.lower {
		text = r.Lower(text)
	}
	tokens := t.out.Buffer(r)
	last, matches := 0, 0
	for {
		start, end := t.pattern.find(text, last)
		if start < 0 {
			break
		}
		matches++
		if t.gaps {
			tokens = append(tokens, text[last:start])
		} else {
			tokens = append(tokens, text[start:end])
		}
		last = end
	}
	switch {
	case t.gaps && matches == 0:
		tokens = append(tokens, text)
	case t.gaps:
		tokens = trimEmpty(append(tokens, text[last:]))
	}
	t.out.Set(r, slices.DeleteFunc(tokens, func(token string) bool { return javaLength(token) < t.minLength }))
	return nil
}

// javaLength returns the length of a string in Java, in UTF-16 units.
func javaLength(text string) int {
	n := utf8.RuneCountInString(text)
	for _, c := range text {
		if c > 0xffff {
			n++
		}
	}
	return n
}

type stopWordsRemover struct {
	columns       []tokenColumn
	words         map[string]bool
	caseSensitive bool
}

type tokenColumn struct {
	in  engine.TextList
	out engine.TextListOut
}

func newStopWordsRemover(s *engine.Stage) engine.Step {
	t := stopWordsRemover{words: map[string]bool{}, caseSensitive: s.Bool("case_sensitive")}
	words := s.Strings("stop_words")
	for _, word := range words {
		if !t.caseSensitive {
			word = engine.Lower(word)
		}
		t.words[word] = true
	}
	if s.Inputs() == 0 {
		s.Fail("the op requires an input port")
	}
	for i := range s.Inputs() {
		in, out := portNames(s, i, s.Inputs())
		t.columns = append(t.columns, tokenColumn{s.TextList(in), s.NewTextList(out)})
	}
	s.Describe("%s", plural(len(words), "stop word"))
	return t
}

func (t stopWordsRemover) Run(r *engine.Row) error {
	for i := range t.columns {
		c := &t.columns[i]
		tokens, err := c.in.Get(r)
		if err != nil {
			return err
		}
		kept := c.out.Buffer(r)
		for _, token := range tokens {
			key := token
			if !t.caseSensitive {
				key = r.Lower(token)
			}
			if !t.words[key] {
				kept = append(kept, token)
			}
		}
		c.out.Set(r, kept)
	}
	return nil
}

type nGram struct {
	tokenColumn
	n int
}

func newNGram(s *engine.Stage) engine.Step {
	t := nGram{tokenColumn{s.TextList("input"), s.NewTextList("output")}, s.Size("n", 1000)}
	s.Describe("n = %d", t.n)
	return t
}

func (t nGram) Run(r *engine.Row) error {
	tokens, err := t.in.Get(r)
	if err != nil {
		return err
	}
	grams := t.out.Buffer(r)
	for i := 0; i+t.n <= len(tokens); i++ {
		grams = append(grams, r.Join(tokens[i:i+t.n], " "))
	}
	t.out.Set(r, grams)
	return nil
}
