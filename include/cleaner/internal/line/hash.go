package line

import (
	"encoding/binary"
	"math/bits"
)

// The primes and steps of xxHash64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
const (
	prime1 uint64 = 11400714785074694791
	prime2 uint64 = 14029467366897019727
	prime3 uint64 = 1609587929392839161
	prime4 uint64 = 9650029242287828579
	prime5 uint64 = 2870177450012600261
	// Seed is the one of Spark's xxhash64.
	Seed uint64 = 42
)

// Hash returns the xxHash64 of bytes.
func Hash(b []byte, seed uint64) uint64 {
	size := uint64(len(b))
	hash := seed + prime5
	if len(b) >= 32 {
		hash, b = stripes(b, seed)
	}
	hash += size
	for ; len(b) >= 8; b = b[8:] {
		hash = HashStep(hash, binary.LittleEndian.Uint64(b))
	}
	if len(b) >= 4 {
		hash = bits.RotateLeft64(hash^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		hash = bits.RotateLeft64(hash^uint64(c)*prime5, 11) * prime1
	}
	return avalanche(hash)
}

// HashLong returns Spark's xxhash64 of a 64-bit number.
func HashLong(value, seed uint64) uint64 { return avalanche(HashStep(seed+prime5+8, value)) }

// HashInt returns Spark's xxhash64 of a 32-bit number.
func HashInt(value uint32, seed uint64) uint64 {
	hash := (seed + prime5 + 4) ^ uint64(value)*prime1
	return avalanche(bits.RotateLeft64(hash, 23)*prime2 + prime3)
}

// HashStep mixes eight bytes into a hash.
func HashStep(hash, value uint64) uint64 {
	return bits.RotateLeft64(hash^round(0, value), 27)*prime1 + prime4
}

// stripes hashes all complete blocks of 32 bytes and returns the rest.
func stripes(b []byte, seed uint64) (uint64, []byte) {
	first, second := prime1, prime2
	v1, v2, v3, v4 := seed+first+second, seed+second, seed, seed-first
	for len(b) >= 32 {
		v1 = round(v1, binary.LittleEndian.Uint64(b))
		v2 = round(v2, binary.LittleEndian.Uint64(b[8:]))
		v3 = round(v3, binary.LittleEndian.Uint64(b[16:]))
		v4 = round(v4, binary.LittleEndian.Uint64(b[24:]))
		b = b[32:]
	}
	hash := bits.RotateLeft64(v1, 1) + bits.RotateLeft64(v2, 7) + bits.RotateLeft64(v3, 12) + bits.RotateLeft64(v4, 18)
	for _, v := range [4]uint64{v1, v2, v3, v4} {
		hash = (hash^round(0, v))*prime1 + prime4
	}
	return hash, b
}

func round(sum, value uint64) uint64 { return bits.RotateLeft64(sum+value*prime2, 31) * prime1 }

func avalanche(hash uint64) uint64 {
	hash = (hash ^ hash>>33) * prime2
	hash = (hash ^ hash>>29) * prime3
	return hash ^ hash>>32
}
