package ops

import (
	"math"
	"math/bits"
	"slices"

	"leapline/scorer/engine"
)

// Ops that count the tokens of a list:
//
//	count_vectorizer         counts the terms of a vocabulary; counts below min_tf, a number or a share of the tokens, are 0
//	hashing_term_frequency   counts tokens by their hash, modulo num_features
//
// With "binary" a count is 1. Spark stores the vectors sparse.
func init() {
	engine.Register("count_vectorizer", newCountVectorizer)
	engine.Register("hashing_term_frequency", newHashingTF)
}

// termCounter counts term numbers into a vector.
type termCounter struct {
	in      engine.TextList
	out     engine.VectorOut
	width   int
	binary  bool
	scratch int
}

// terms is a row's memory for the numbers of its tokens.
type terms struct{ numbers []int32 }

// expectedTerms is the number of distinct terms per row for which memory is reserved.
const expectedTerms = 256

func newTermCounter(s *engine.Stage, width int) termCounter {
	t := termCounter{in: s.TextList("input"), width: width, binary: s.Bool("binary")}
	if width < sparseFrom {
		t.out = s.NewVector("output", width)
	} else {
		t.out = s.NewSparse("output", width, min(width, expectedTerms), vectorType(width))
	}
	t.scratch = s.Scratch(func() any { return &terms{} })
	return t
}

// count stores the counts that are at least minimum of the numbers in terms.
func (t *termCounter) count(r *engine.Row, terms *terms, minimum float64) {
	slices.Sort(terms.numbers)
	var dense []float64
	var sparse *engine.SparseVector
	if t.width < sparseFrom {
		dense = t.out.Buffer(r)
		clear(dense)
		t.out.SetSparseInSpark(r, true)
	} else {
		sparse = t.out.SparseBuffer(r)
	}
	for i := 0; i < len(terms.numbers); {
		number, start := terms.numbers[i], i
		for i < len(terms.numbers) && terms.numbers[i] == number {
			i++
		}
		count := float64(i - start)
		switch {
		case count < minimum:
			continue
		case t.binary:
			count = 1
		}
		if dense != nil {
			dense[number] = count
		} else {
			sparse.Add(int(number), count)
		}
	}
}

type countVectorizer struct {
	termCounter
	vocabulary map[string]int32
	minTF      float64
}

func newCountVectorizer(s *engine.Stage) engine.Step {
	words := s.Strings("vocabulary")
	t := countVectorizer{vocabulary: make(map[string]int32, len(words)), minTF: s.Float("min_tf")}
	for i, word := range words {
		t.vocabulary[word] = int32(i)
	}
	switch {
	case len(words) == 0:
		s.Fail("attribute \"vocabulary\" is empty")
	case len(t.vocabulary) < len(words):
		s.Fail("attribute \"vocabulary\" has a duplicate term")
	case !(t.minTF >= 0):
		s.Fail("min_tf is %v, expected 0 or more", t.minTF)
	}
	if s.Failed() {
		return nil
	}
	t.termCounter = newTermCounter(s, len(words))
	s.Describe("%s", plural(len(words), "term"))
	return t
}

func (t countVectorizer) Run(r *engine.Row) error {
	tokens, err := t.in.Get(r)
	if err != nil {
		return err
	}
	terms := r.Scratch(t.scratch).(*terms)
	terms.numbers = terms.numbers[:0]
	for _, token := range tokens {
		if number, ok := t.vocabulary[token]; ok {
			terms.numbers = append(terms.numbers, number)
		}
	}
	minimum := t.minTF
	if minimum < 1 {
		minimum *= float64(len(tokens))
	}
	t.count(r, terms, minimum)
	return nil
}

type hashingTF struct {
	termCounter
	hash func(text string) uint32
}

func newHashingTF(s *engine.Stage) engine.Step {
	width := s.Size("num_features", maxCategories)
	t := hashingTF{hash: murmur3}
	version := int64(1)
	if s.Has("hashUnsafeBytesVersion") {
		version = s.Int("hashUnsafeBytesVersion")
	}
	switch version {
	case 1:
		t.hash = oldMurmur3
	case 2:
	default:
		s.Fail("hashUnsafeBytesVersion is %d, expected 1 or 2", version)
	}
	if s.Failed() {
		return nil
	}
	t.termCounter = newTermCounter(s, width)
	s.Describe("%s", plural(width, "value"))
	return t
}

func (t hashingTF) Run(r *engine.Row) error {
	tokens, err := t.in.Get(r)
	if err != nil {
		return err
	}
	terms := r.Scratch(t.scratch).(*terms)
	terms.numbers = terms.numbers[:0]
	for _, token := range tokens {
		terms.numbers = append(terms.numbers, hashBucket(t.hash(token), t.width))
	}
	t.count(r, terms, math.Inf(-1))
	return nil
}

// hashBucket returns the non-negative remainder of a signed hash.
func hashBucket(hash uint32, width int) int32 {
	bucket := int(int32(hash)) % width
	if bucket < 0 {
		bucket += width
	}
	return int32(bucket)
}

// hashSeed is the seed of Spark's HashingTF and FeatureHasher.
const hashSeed = 42

// murmur3 is MurmurHash3_x86_32 of a string's UTF-8 bytes.
func murmur3(text string) uint32 {
	h := uint32(hashSeed)
	n := len(text) &^ 3
	for i := 0; i < n; i += 4 {
		h = mixHash(h, mixBlock(uint32(text[i])|uint32(text[i+1])<<8|uint32(text[i+2])<<16|uint32(text[i+3])<<24))
	}
	if tail := text[n:]; len(tail) > 0 {
		k := uint32(0)
		for i := range len(tail) {
			k |= uint32(tail[i]) << (8 * i)
		}
		h ^= mixBlock(k)
	}
	return finishHash(h, len(text))
}

// oldMurmur3 is the hash of Spark 2, which mixes each of the last bytes like a block, as a signed number.
func oldMurmur3(text string) uint32 {
	h := uint32(hashSeed)
	n := len(text) &^ 3
	for i := 0; i < n; i += 4 {
		h = mixHash(h, mixBlock(uint32(text[i])|uint32(text[i+1])<<8|uint32(text[i+2])<<16|uint32(text[i+3])<<24))
	}
	for i := n; i < len(text); i++ {
		h = mixHash(h, mixBlock(uint32(int32(int8(text[i])))))
	}
	return finishHash(h, len(text))
}

func mixBlock(k uint32) uint32 { return bits.RotateLeft32(k*0xcc9e2d51, 15) * 0x1b873593 }

func mixHash(h, k uint32) uint32 { return bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64 }

func finishHash(h uint32, size int) uint32 {
	h ^= uint32(size)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
