package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signer signs like leapline.signing does.
type signer struct {
	private crypto.Signer
	pem     string
	key     Key
}

func newSigner(t testing.TB, kind string) signer {
	t.Helper()
	var private crypto.Signer
	var err error
	switch kind {
	case "Ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "RSA":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		curve := map[string]elliptic.Curve{"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[kind]
		private, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := signer{private: private, pem: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	if keys, err := ReadKeys(s.pem); err == nil {
		s.key = keys[0]
	}
	return s
}

func (s signer) sign(t testing.TB, message []byte) []byte {
	t.Helper()
	var signature []byte
	var err error
	if _, ok := s.private.(ed25519.PrivateKey); ok {
		signature, err = s.private.Sign(rand.Reader, message, crypto.Hash(0))
	} else {
		curve := s.private.(*ecdsa.PrivateKey).Curve
		var digest []byte
		switch curve {
		case elliptic.P384():
			sum := sha512.Sum384(message)
			digest = sum[:]
		case elliptic.P521():
			sum := sha512.Sum512(message)
			digest = sum[:]
		default:
			sum := sha256.Sum256(message)
			digest = sum[:]
		}
		signature, err = s.private.Sign(rand.Reader, digest, crypto.SHA256)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// bundleOf returns a signature of a file with a SHA-256, with a changed statement if change is not nil.
func (s signer) bundleOf(t testing.TB, digest string, change func(statement map[string]any)) []byte {
	t.Helper()
	raw, _ := hex.DecodeString(digest)
	root := sha256.Sum256(raw)
	document := map[string]any{
		"_type": statementType, "predicateType": predicateType,
		"subject": []any{map[string]any{"name": "model.zip", "digest": map[string]any{"sha256": hex.EncodeToString(root[:])}}},
		"predicate": map[string]any{
			"resources": []any{map[string]any{"name": ".", "algorithm": "sha256", "digest": digest}},
		},
	}
	if change != nil {
		change(document)
	}
	payload, _ := json.Marshal(document)
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	var b bundle
	b.MediaType, b.Envelope.PayloadType, b.Envelope.Payload = bundleType, payloadType, payload
	b.Verification.PublicKey.Hint = s.key.ID
	b.Envelope.Signatures = make([]struct {
		Signature []byte `json:"sig"`
	}, 1)
	b.Envelope.Signatures[0].Signature = s.sign(t, message)
	data, _ := json.Marshal(b)
	return data
}

var content = []byte("a model")

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestAcceptsSignaturesOfEachKind(t *testing.T) {
	for _, kind := range []string{"P-256", "P-384", "P-521", "Ed25519"} {
		s, other := newSigner(t, kind), newSigner(t, "P-256")
		archive := filepath.Join(t.TempDir(), "model.zip")
		if err := os.WriteFile(Path(archive), s.bundleOf(t, digestOf(content), nil), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadKeys(strings.ReplaceAll(other.pem+s.pem, "\n", `\n`))
		if err != nil {
			t.Fatal(err)
		}
		trust := Trust{Keys: keys}
		if err := trust.Check(archive, digestOf(content)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if err := trust.Check(archive, digestOf([]byte("another model"))); err == nil || !strings.Contains(err.Error(), "as it was signed") {
			t.Errorf("%s: a changed archive: %v", kind, err)
		}
	}
}

func TestRejectsEveryOtherSignature(t *testing.T) {
	s, other := newSigner(t, "P-256"), newSigner(t, "P-256")
	digest := digestOf(content)
	valid := s.bundleOf(t, digest, nil)
	forged := strings.Replace(string(other.bundleOf(t, digest, nil)), other.key.ID, s.key.ID, 1)
	resources := func(list ...any) func(map[string]any) {
		return func(d map[string]any) { d["predicate"] = map[string]any{"resources": list} }
	}
	entry := map[string]any{"name": ".", "algorithm": "sha256", "digest": digest}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"another key":      {other.bundleOf(t, digest, nil), "found a signature by key \"" + other.key.ID[:12]},
		"a forged hint":    {[]byte(forged), "damaged or of other content"},
		"another model":    {s.bundleOf(t, digestOf([]byte("another model")), nil), "as it was signed"},
		"empty":            {nil, "not valid"},
		"no JSON":          {valid[1:], "not valid"},
		"another format":   {[]byte(strings.Replace(string(valid), "v0.3", "v0.2", 1)), "expected " + bundleType},
		"no signature":     {[]byte(`{"mediaType":"` + bundleType + `","dsseEnvelope":{"payloadType":"` + payloadType + `"}}`), "0 signatures"},
		"another type":     {s.bundleOf(t, digest, func(d map[string]any) { d["predicateType"] = "https://slsa.dev/provenance/v1" }), "slsa.dev"},
		"no files":         {s.bundleOf(t, digest, resources()), "a signature of 0 files"},
		"two files":        {s.bundleOf(t, digest, resources(entry, entry)), "a signature of 2 files"},
		"another hash":     {s.bundleOf(t, digest, resources(map[string]any{"name": ".", "algorithm": "blake2b", "digest": digest})), "blake2b"},
		"another name":     {s.bundleOf(t, digest, resources(map[string]any{"name": "x", "algorithm": "sha256", "digest": digest})), `"x"`},
		"another subject":  {s.bundleOf(t, digest, func(d map[string]any) { d["subject"] = []any{map[string]any{}} }), "not that of its file"},
		"no subject":       {s.bundleOf(t, digest, func(d map[string]any) { d["subject"] = []any{} }), "a signature of 1 files"},
		"no statement":     {s.bundleOf(t, digest, func(d map[string]any) { d["subject"] = 1 }), "no statement"},
		"a large file":     {make([]byte, maxBytes+1), "more than"},
		"a public key":     {[]byte(s.pem), "not valid"},
		"a signed nothing": {s.bundleOf(t, "", nil), "as it was signed"},
	} {
		archive := filepath.Join(t.TempDir(), "model.zip")
		if err := os.WriteFile(Path(archive), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&Trust{Keys: []Key{s.key}}).Check(archive, digest)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
}

func TestRejectsEveryChangedByte(t *testing.T) {
	s := newSigner(t, "Ed25519")
	digest := digestOf(content)
	trust := Trust{Keys: []Key{s.key}}
	valid := s.bundleOf(t, digest, nil)
	var b bundle
	if err := json.Unmarshal(valid, &b); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{b.Envelope.Payload, b.Envelope.Signatures[0].Signature} {
		for i := range part {
			part[i] ^= 1
			changed, _ := json.Marshal(b)
			if err := trust.verify("model.zip", digest, changed); err == nil {
				t.Errorf("byte %d may be changed", i)
			}
			part[i] ^= 1
		}
	}
	if err := trust.verify("model.zip", digest, valid); err != nil {
		t.Error(err)
	}
}

func TestMissingSignatureAndDirectoryAreRejected(t *testing.T) {
	trust := Trust{Keys: []Key{newSigner(t, "P-256").key}}
	archive := filepath.Join(t.TempDir(), "model.zip")
	if err := trust.Check(archive, digestOf(content)); err == nil || !strings.Contains(err.Error(), "found no signature "+Path(archive)) {
		t.Error(err)
	}
	if err := trust.Check(t.TempDir(), ""); err == nil || !strings.Contains(err.Error(), "found a directory") {
		t.Error(err)
	}
}

func TestDataDayIsLimited(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		maxAge        int
		minDay, day   string
		expectedError string
	}{
		{0, "", "", ""},
		{0, "", "nonsense", ""},
		{3, "2026-03-07", "2026-03-07", ""},
		{2, "", "2026-03-07", "found data day 2026-03-07, 3 days old; expected at most 2 days."},
		{0, "2026-03-08", "2026-03-07", "found data day 2026-03-07; expected data day 2026-03-08 or later."},
		{0, "2026-03-08", "", "found the data day \"\""},
		{9, "", "2026-3-7", "found the data day \"2026-3-7\""},
		{9, "", "2026-03-11", ""},
	} {
		err := (&Trust{MaxAge: c.maxAge, MinDataDay: c.minDay, Now: now}).CheckDataDay("model.zip", c.day)
		if (err == nil) != (c.expectedError == "") || err != nil && !strings.Contains(err.Error(), c.expectedError) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestUnusableKeysAreRejected(t *testing.T) {
	good := newSigner(t, "P-256").pem
	file := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(file, []byte("a comment\n"+good), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err := ReadKeys(file); err != nil || len(keys) != 1 {
		t.Error(keys, err)
	}
	for name, text := range map[string]string{
		"no file": "/no/such/file", "RSA": newSigner(t, "RSA").pem, "P-224": newSigner(t, "P-224").pem, "text after": good + "x",
		"private":   strings.ReplaceAll(good, "PUBLIC", "PRIVATE"),
		"truncated": good[:60], "damaged": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"half": good + "-----BEGIN PUBLIC KEY-----\nAAAA\n",
	} {
		if keys, err := ReadKeys(text); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
}

func FuzzBundle(f *testing.F) {
	s := newSigner(f, "Ed25519")
	trust := Trust{Keys: []Key{s.key}}
	valid := s.bundleOf(f, digestOf(content), nil)
	f.Add(valid)
	f.Add([]byte(`{"dsseEnvelope":{"signatures":[{"sig":""}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := trust.verify("model.zip", digestOf([]byte("another model")), data); err == nil {
			t.Errorf("accepted %q", data)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, kind := range []string{"P-256", "Ed25519"} {
		b.Run(kind, func(b *testing.B) {
			s := newSigner(b, kind)
			archive := filepath.Join(b.TempDir(), "model.zip")
			if err := os.WriteFile(Path(archive), s.bundleOf(b, digestOf(content), nil), 0o600); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				keys, err := ReadKeys(s.pem)
				if err != nil {
					b.Fatal(err)
				}
				if err := (&Trust{Keys: keys}).Check(archive, digestOf(content)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
