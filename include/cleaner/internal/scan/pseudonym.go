package scan

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"

	"leapline/cleaner/internal/row"
)

const remembered = 1 << 16

// pseudonyms are the HMAC-SHA-256 (RFC 2104) of ids. Neighbouring lines often have the same ids.
type pseudonyms struct {
	mac   hash.Hash
	known map[string]row.ID
}

func newPseudonyms(key []byte) *pseudonyms {
	return &pseudonyms{hmac.New(sha256.New, key), map[string]row.ID{}}
}

// of returns the pseudonym of an id, null for nil.
func (p *pseudonyms) of(id []byte) row.ID {
	if id == nil {
		return row.ID{}
	}
	if pseudonym, ok := p.known[string(id)]; ok {
		return pseudonym
	}
	p.mac.Reset()
	p.mac.Write(id)
	pseudonym := row.ID{OK: true}
	p.mac.Sum(pseudonym.Value[:0])
	if len(p.known) >= remembered {
		clear(p.known)
	}
	p.known[string(id)] = pseudonym
	return pseudonym
}
