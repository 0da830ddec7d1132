package bundle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func TestReadHashedReturnsContentAndDigest(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int{0, 1, hashChunkSize - 1, hashChunkSize, hashChunkSize + 1, 3*hashChunkSize + 5} {
		want := make([]byte, size)
		_, _ = random.Read(want)
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		data, digest, err := readHashed(path, int64(size))
		if sum := sha256.Sum256(want); err != nil || !bytes.Equal(data, want) || !bytes.Equal(digest, sum[:]) {
			t.Errorf("%d bytes: digest %x, %v", size, digest, err)
		}
		if _, _, err := readHashed(path, int64(size)+1); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("a file shorter than %d bytes: %v", size+1, err)
		}
	}
}
