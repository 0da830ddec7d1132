// Package signature verifies that an archive was signed with a key that the operator accepts.
//
// A signature is a file next to the archive in the format of OpenSSF model signing: a Sigstore bundle with a DSSE envelope
// around an in-toto statement, which lists the SHA-256 of the archive. Nothing is looked up on the network.
package signature

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	bundleType    = "application/vnd.dev.sigstore.bundle.v0.3+json"
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://model_signing/signature/v1.0"
	singleFile    = "." // the name of a model that is one file
	maxBytes      = 1 << 20
)

// Trust is what an archive has to satisfy before it is loaded.
type Trust struct {
	Keys       []Key     // accepted keys; at least one of them must have signed the archive
	MaxAge     int       // maximum age of the data day in days; 0 for any
	MinDataDay string    // earliest data day, YYYY-MM-DD; "" for any
	Now        time.Time // the present time
}

// Error is an archive that is not trusted.
type Error struct{ Thing, Found, Expected, Fix string }

// Error returns one line with all four parts.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: found %s; expected %s. %s", e.Thing, e.Found, e.Expected, e.Fix)
}

// Path returns the path of an archive's signature: model.sig for model.zip.
func Path(archive string) string {
	return strings.TrimSuffix(archive, filepath.Ext(archive)) + ".sig"
}

// Check verifies the signature of an archive. The digest is its SHA-256 in hexadecimal, "" for a directory.
func (t *Trust) Check(archive, digest string) error {
	if digest == "" {
		return &Error{archive, "a directory", "a signed zip, because public keys are set",
			"Serve the archive that was published."}
	}
	path := Path(archive)
	data, err := readFile(path)
	if os.IsNotExist(err) {
		return &Error{archive, "no signature " + path, "one, because public keys are set",
			"Serve an image that was signed, or set SCORER_PUBLIC_KEYS to nothing."}
	} else if err != nil {
		return &Error{path, err.Error(), "a readable signature", "Publish the model again."}
	}
	return t.verify(archive, digest, data)
}

// CheckDataDay checks the data day of an archive whose signature is valid.
func (t *Trust) CheckDataDay(archive, day string) error {
	if t.MinDataDay == "" && t.MaxAge == 0 {
		return nil
	}
	parsed, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return &Error{archive, fmt.Sprintf("the data day %q", day), "a date, because models must not be too old",
			"Serve a model that Leapline has packaged."}
	}
	if day < t.MinDataDay {
		return &Error{archive, "data day " + day, "data day " + t.MinDataDay + " or later",
			"Serve a newer model, or lower SCORER_MIN_DATA_DAY after a rollback."}
	}
	if age := int(t.Now.UTC().Sub(parsed).Hours() / 24); t.MaxAge > 0 && age > t.MaxAge {
		return &Error{archive, fmt.Sprintf("data day %s, %d days old", day, age), fmt.Sprintf("at most %d days", t.MaxAge),
			"Serve a newer model, or raise SCORER_MAX_MODEL_AGE."}
	}
	return nil
}

type bundle struct {
	MediaType    string `json:"mediaType"`
	Verification struct {
		PublicKey struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
	} `json:"verificationMaterial"`
	Envelope struct {
		Payload     []byte `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Signature []byte `json:"sig"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Digest struct {
			SHA256 string `json:"sha256"`
		} `json:"digest"`
	} `json:"subject"`
	PredicateType string `json:"predicateType"`
	Predicate     struct {
		Resources []struct {
			Name      string `json:"name"`
			Algorithm string `json:"algorithm"`
			Digest    string `json:"digest"`
		} `json:"resources"`
	} `json:"predicate"`
}

func (t *Trust) verify(archive, digest string, data []byte) error {
	payload, err := t.verifiedPayload(archive, data)
	if err != nil {
		return err
	}
	signed, err := signedDigest(payload)
	if err != nil {
		return &Error{archive, err.Error(), "a signature of one file", "Publish the model again."}
	}
	if signed != digest {
		return &Error{archive, "SHA-256 " + digest, signed + ", as it was signed",
			"The archive was changed, or the signature is of another model: serve the published image."}
	}
	return nil
}

// verifiedPayload returns the payload of a bundle that one of the keys has signed.
func (t *Trust) verifiedPayload(archive string, data []byte) ([]byte, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, &Error{Path(archive), "a file that is not valid (" + err.Error() + ")", "a Sigstore bundle", "Publish the model again."}
	}
	if b.MediaType != bundleType || b.Envelope.PayloadType != payloadType || len(b.Envelope.Signatures) != 1 {
		return nil, &Error{Path(archive), fmt.Sprintf("type %.100q with %d signatures", b.MediaType, len(b.Envelope.Signatures)),
			bundleType + " with one signature", "Publish the model again."}
	}
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(b.Envelope.Payload))
	message = append(message, b.Envelope.Payload...)
	var accepted []string
	isKnown := b.Verification.PublicKey.Hint == ""
	for _, key := range t.Keys {
		if key.verifies(message, b.Envelope.Signatures[0].Signature) {
			return b.Envelope.Payload, nil
		}
		accepted = append(accepted, key.shortID())
		isKnown = isKnown || key.ID == b.Verification.PublicKey.Hint
	}
	problem := "a signature that is damaged or of other content"
	if !isKnown {
		problem = fmt.Sprintf("a signature by key %.12q", b.Verification.PublicKey.Hint)
	}
	return nil, &Error{archive, problem, "one by " + strings.Join(accepted, " or "),
		"Serve the published image, or add the key that signed it to SCORER_PUBLIC_KEYS."}
}

// signedDigest returns the SHA-256 of the single file that a verified payload is about.
func signedDigest(payload []byte) (string, error) {
	var s statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return "", fmt.Errorf("a signed text that is no statement (%v)", err)
	}
	if s.Type != statementType || s.PredicateType != predicateType {
		return "", fmt.Errorf("a statement of type %.100q", s.PredicateType)
	}
	if len(s.Subject) != 1 || len(s.Predicate.Resources) != 1 {
		return "", fmt.Errorf("a signature of %d files", len(s.Predicate.Resources))
	}
	file := s.Predicate.Resources[0]
	raw, err := hex.DecodeString(file.Digest)
	if err != nil || file.Name != singleFile || file.Algorithm != "sha256" {
		return "", fmt.Errorf("a signature of %.100q with algorithm %.20q", file.Name, file.Algorithm)
	}
	root := sha256.Sum256(raw)
	if s.Subject[0].Digest.SHA256 != hex.EncodeToString(root[:]) {
		return "", fmt.Errorf("a signature whose digest is not that of its file")
	}
	return file.Digest, nil
}

// readFile reads a small file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var data bytes.Buffer
	if _, err := io.Copy(&data, io.LimitReader(f, maxBytes+1)); err != nil {
		return nil, err
	}
	if data.Len() > maxBytes {
		return nil, fmt.Errorf("more than %d bytes", maxBytes)
	}
	return data.Bytes(), nil
}
