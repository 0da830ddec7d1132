package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"leapline/scorer/inflate"
)

// readHashed reads size bytes of a file and computes their SHA-256 at the same time, since each takes about as long.
func readHashed(name string, size int64) (data, digest []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data = make([]byte, size)
	pieces, sum := make(chan []byte, size/hashChunkSize+1), make(chan []byte)
	go func() {
		hash := sha256.New()
		for piece := range pieces {
			hash.Write(piece)
		}
		sum <- hash.Sum(nil)
	}()
	for piece := range slices.Chunk(data, hashChunkSize) {
		if _, err = io.ReadFull(f, piece); err != nil {
			break
		}
		pieces <- piece
	}
	close(pieces)
	return data, <-sum, err
}

const hashChunkSize = 256 << 10

// listZip returns the archive of a zip, after checking its entries.
func listZip(name string, data, digest []byte, lim Limits) (*Archive, error) {
	if len(data) == 0 {
		return nil, entryErrf(name, "is empty, expected a zip")
	}
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, entryErrf(name, "is not a complete zip (%w): rebuild the bundle or copy it again", err)
	}
	if len(reader.File) > lim.Entries {
		return nil, entryErrf(name, "has %d entries, the limit is %d", len(reader.File), lim.Entries)
	}
	a := &Archive{
		Digest: hex.EncodeToString(digest), Size: int64(len(data)), lim: lim, data: data,
		files: make(map[string]file, len(reader.File)),
	}
	for _, f := range reader.File {
		if err := a.addZip(f); err != nil {
			return nil, err
		}
	}
	return a, a.readInfo(name)
}

func (a *Archive) addZip(f *zip.File) error {
	if strings.HasSuffix(f.Name, "/") {
		return nil
	}
	if err := checkPath(f.Name); err != nil {
		return entryErr(fmt.Sprintf("entry %.200q", f.Name), err)
	}
	if _, duplicate := a.files[f.Name]; duplicate {
		return entryErrf(f.Name, "is duplicated in the zip")
	}
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return entryErrf(f.Name, "has compression method %d, expected 0 (stored) or 8 (deflate)", f.Method)
	}
	if f.Flags&1 != 0 {
		return entryErrf(f.Name, "is encrypted")
	}
	size := int64(min(f.UncompressedSize64, 1<<62))
	if err := a.checkSize(f.Name, size, int64(min(f.CompressedSize64, 1<<62))); err != nil {
		return err
	}
	a.files[f.Name] = file{size: size, zip: f}
	return nil
}

var decoders = sync.Pool{New: func() any { return new(inflate.Decoder) }}

func (a *Archive) readZip(buf []byte, f *zip.File) error {
	stored, err := a.compressed(f)
	if err != nil {
		return err
	}
	if f.Method == zip.Store {
		if len(stored) != len(buf) {
			return entryErrf(f.Name, "has %d stored bytes, but the zip's directory lists %d", len(stored), len(buf))
		}
		copy(buf, stored)
	} else {
		decoder := decoders.Get().(*inflate.Decoder)
		err := decoder.Decompress(buf, stored)
		decoders.Put(decoder)
		if err != nil {
			return entryErr(f.Name, err)
		}
	}
	if sum := crc32.ChecksumIEEE(buf); sum != f.CRC32 {
		return entryErrf(f.Name, "is corrupt: checksum %08x, expected %08x", sum, f.CRC32)
	}
	return nil
}

// compressed returns the bytes of an entry as stored in the zip.
func (a *Archive) compressed(f *zip.File) ([]byte, error) {
	from, err := f.DataOffset()
	if err != nil {
		return nil, entryErrf(f.Name, "is truncated or corrupt: %w", err)
	}
	stored := f.CompressedSize64
	if from < 0 || from > int64(len(a.data)) || stored > uint64(int64(len(a.data))-from) {
		return nil, entryErrf(f.Name, "is truncated: its data extends past the end of the zip")
	}
	return a.data[from : from+int64(stored)], nil
}

// sameContent reports whether two entries of a zip have equal compressed bytes, and so equal content.
func (a *Archive) sameContent(x, y file) bool {
	if x.zip == nil || y.zip == nil || x.size != y.size || x.zip.Method != y.zip.Method || x.zip.CRC32 != y.zip.CRC32 {
		return false
	}
	one, err := a.compressed(x.zip)
	if err != nil {
		return false
	}
	other, err := a.compressed(y.zip)
	return err == nil && bytes.Equal(one, other)
}
