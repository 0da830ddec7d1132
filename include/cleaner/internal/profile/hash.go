package profile

import (
	"encoding/binary"
	"math"
	"math/bits"

	"leapline/cleaner/internal/line"
)

// digest chains Spark's two hash functions over the values of a row; null changes nothing.
type digest struct {
	xx     uint64
	murmur uint32
}

const seed = 42

func newDigest() digest { return digest{seed, seed} }

func (d *digest) text(text string, ok bool) {
	if ok {
		d.xx = line.Hash([]byte(text), d.xx)
		d.murmur = murmurBytes(text, d.murmur)
	}
}

func (d *digest) int(n int32, ok bool) {
	if ok {
		d.xx = line.HashInt(uint32(n), d.xx)
		d.murmur = finish(mix(d.murmur, uint32(n)), 4)
	}
}

func (d *digest) long(n int64, ok bool) {
	if ok {
		d.xx = line.HashLong(uint64(n), d.xx)
		d.murmur = finish(mix(mix(d.murmur, uint32(n)), uint32(n>>32)), 8)
	}
}

func (d *digest) double(x float64, ok bool) {
	if x == 0 {
		x = 0 // not -0
	}
	d.long(int64(math.Float64bits(x)), ok)
}

// murmurBytes is Spark's Murmur3: bytes after the last complete word are mixed as words of their own.
func murmurBytes(text string, hash uint32) uint32 {
	b := []byte(text)
	for ; len(b) >= 4; b = b[4:] {
		hash = mix(hash, binary.LittleEndian.Uint32(b))
	}
	for _, c := range b {
		hash = mix(hash, uint32(int32(int8(c))))
	}
	return finish(hash, uint32(len(text)))
}

func mix(hash, word uint32) uint32 {
	word = bits.RotateLeft32(word*0xcc9e2d51, 15) * 0x1b873593
	return bits.RotateLeft32(hash^word, 13)*5 + 0xe6546b64
}

func finish(hash, size uint32) uint32 {
	hash ^= size
	hash = (hash ^ hash>>16) * 0x85ebca6b
	hash = (hash ^ hash>>13) * 0xc2b2ae35
	return hash ^ hash>>16
}
