package signature

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Key is a public key.
type Key struct {
	// ID is the SHA-256 of the key's PEM block in hexadecimal, as in the hint of a bundle.
	ID     string
	public any // *ecdsa.PublicKey or ed25519.PublicKey
}

const acceptedKeys = "a PEM block PUBLIC KEY of ECDSA (P-256, P-384, P-521) or Ed25519"

// ReadKeys returns the keys of a PEM text, in which line breaks may be written as \n, or of the file that the text names.
func ReadKeys(text string) ([]Key, error) {
	if !strings.Contains(text, "-----BEGIN") {
		data, err := os.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("public keys: found no file %.200q; expected PEM, or the name of a file with it", text)
		}
		text = string(data)
	}
	rest := []byte(strings.ReplaceAll(text, `\n`, "\n"))
	var keys []Key
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		key, err := parseKey(block)
		if err != nil {
			return nil, fmt.Errorf("public key %d: found %w; expected %s", len(keys)+1, err, acceptedKeys)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 || strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("public keys: found %d valid keys and other text; expected %s", len(keys), acceptedKeys)
	}
	return keys, nil
}

func parseKey(block *pem.Block) (Key, error) {
	if block.Type != "PUBLIC KEY" {
		return Key{}, fmt.Errorf("a block %.50q", block.Type)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, errors.New("a damaged key")
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return Key{}, errors.New("P-224")
		}
	default:
		return Key{}, errors.New("a key of another type")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, err
	}
	id := sha256.Sum256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	return Key{hex.EncodeToString(id[:]), public}, nil
}

// verifies reports whether the key has signed a message. The hash of ECDSA depends on the curve, as Sigstore requires it.
func (k Key) verifies(message, signature []byte) bool {
	switch key := k.public.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, hash(key.Curve, message), signature)
	}
	return false
}

func hash(curve elliptic.Curve, message []byte) []byte {
	switch curve {
	case elliptic.P384():
		sum := sha512.Sum384(message)
		return sum[:]
	case elliptic.P521():
		sum := sha512.Sum512(message)
		return sum[:]
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

func (k Key) shortID() string { return k.ID[:12] }
