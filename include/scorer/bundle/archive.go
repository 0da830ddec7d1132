// Package bundle reads Bundle.ML archives as MLeap 0.25 and mleap.sklearn write them: a zip or a directory, with JSON or
// protobuf inside. It reads strictly: an attribute of another type than asked for, a path that leaves the archive, a
// list or a tree without end is refused with an error that names the entry, in bounded time and memory.
//
//	archive, err := bundle.Open("model.zip", bundle.DefaultLimits())
//	root, err := archive.Root()                            // the root node with its model and its children
//	data, found, err := archive.Extra("leapline/manifest.json")
package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"leapline/scorer/internal/inflate"
)

// Error is what every function of this package gives when an archive cannot be read.
type Error struct {
	Entry string // file inside the archive, or the archive itself
	Err   error
}

func (e *Error) Error() string { return e.Entry + ": " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

func entryErr(entry string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Entry: entry, Err: err}
}

func entryErrf(entry, format string, args ...any) error {
	return &Error{Entry: entry, Err: fmt.Errorf(format, args...)}
}

// Archive is an opened bundle. It holds a zip's bytes in memory; it keeps nothing open.
type Archive struct {
	Info
	// Digest is the SHA-256 of the zip in hex; empty for a directory.
	Digest string
	// Size is the bytes of the zip, or of all files of a directory.
	Size  int64
	lim   Limits
	files map[string]file
	data  []byte       // of a zip
	dir   string       // of a directory bundle
	used  atomic.Int64 // inflated bytes so far
	nodes atomic.Int64 // tree nodes so far
	stage int          // stages so far
}

type file struct {
	size int64
	zip  *zip.File
}

var decoders = sync.Pool{New: func() any { return new(inflate.Decoder) }}

// Open reads a zip or a directory.
func Open(name string, lim Limits) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, entryErrf(name, "cannot be opened: %w", unwrapPath(err))
	}
	if info.IsDir() {
		return openDir(name, lim)
	}
	if !info.Mode().IsRegular() {
		return nil, entryErrf(name, "is neither a file nor a directory")
	}
	if info.Size() > lim.Archive {
		return nil, entryErrf(name, "has %d bytes, the limit is %d", info.Size(), lim.Archive)
	}
	data, digest, err := readHashed(name, info.Size())
	if err != nil {
		return nil, entryErrf(name, "cannot be read: %w", unwrapPath(err))
	}
	return list(name, data, digest, lim)
}

// readHashed reads a file up to a size while what has come of it is hashed, which takes as long.
func readHashed(name string, size int64) (data, digest []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data = make([]byte, size)
	pieces, sum := make(chan []byte, size/hashPiece+1), make(chan []byte)
	go func() {
		hash := sha256.New()
		for piece := range pieces {
			hash.Write(piece)
		}
		sum <- hash.Sum(nil)
	}()
	for piece := range slices.Chunk(data, hashPiece) {
		if _, err = io.ReadFull(f, piece); err != nil {
			break
		}
		pieces <- piece
	}
	close(pieces)
	return data, <-sum, err
}

const hashPiece = 256 << 10

func unwrapPath(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

// Read reads a zip from memory; name is what errors about the archive itself call it.
func Read(name string, data []byte, lim Limits) (*Archive, error) {
	if int64(len(data)) > lim.Archive {
		return nil, entryErrf(name, "has %d bytes, the limit is %d", len(data), lim.Archive)
	}
	digest := sha256.Sum256(data)
	return list(name, data, digest[:], lim)
}

// list lists a zip's entries.
func list(name string, data, digest []byte, lim Limits) (*Archive, error) {
	if len(data) == 0 {
		return nil, entryErrf(name, "is empty, expected a zip")
	}
	reader, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, entryErrf(name, "is not a whole zip (%w): build the bundle again, or copy it again", err)
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
	if _, twice := a.files[f.Name]; twice {
		return entryErrf(f.Name, "is in the zip twice")
	}
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return entryErrf(f.Name, "has compression method %d, expected stored or deflated", f.Method)
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

func (a *Archive) checkSize(name string, size, stored int64) error {
	if size > a.lim.Entry {
		return entryErrf(name, "has %d bytes, the limit of one entry is %d", size, a.lim.Entry)
	}
	if size > 1<<20 && size/a.lim.Ratio > stored {
		return entryErrf(name, "inflates %d bytes to %d, the limit is %d to 1", stored, size, a.lim.Ratio)
	}
	return nil
}

// checkPath accepts slash-separated relative paths without empty, "." or ".." segments, backslashes or NULs.
func checkPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("leaves the archive or is not a plain path")
	}
	return nil
}

func openDir(dir string, lim Limits) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, entryErrf(dir, "cannot be opened: %w", unwrapPath(err))
	}
	defer root.Close()
	a := &Archive{lim: lim, files: map[string]file{}, dir: dir}
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return entryErrf(name, "cannot be read: %w", unwrapPath(err))
		}
		if entry.IsDir() {
			return nil
		}
		return a.addFile(name, entry)
	})
	if err != nil {
		return nil, err
	}
	return a, a.readInfo(dir)
}

func (a *Archive) addFile(name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return entryErrf(name, "cannot be read: %w", unwrapPath(err))
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if len(a.files) >= a.lim.Entries {
		return entryErrf(a.dir, "has more than %d files", a.lim.Entries)
	}
	if a.Size += info.Size(); a.Size > a.lim.Archive {
		return entryErrf(a.dir, "has more than %d bytes", a.lim.Archive)
	}
	a.files[name] = file{size: info.Size()}
	return a.checkSize(name, info.Size(), info.Size())
}

// Names lists the files, sorted.
func (a *Archive) Names() []string {
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Extra reads a file that is not Bundle.ML's own, such as leapline/manifest.json; found is false when there is none.
func (a *Archive) Extra(name string) (data []byte, found bool, err error) {
	if _, found = a.files[name]; !found {
		return nil, false, nil
	}
	data, err = a.read(name)
	return data, true, err
}

// read gives an entry's bytes.
func (a *Archive) read(name string) ([]byte, error) { return a.readInto(nil, name) }

// readInto gives an entry's bytes, in the memory of buf where that is enough. They count against the limit of the whole
// archive. Several goroutines may read at once.
func (a *Archive) readInto(buf []byte, name string) ([]byte, error) {
	f, found := a.files[name]
	if !found {
		return nil, entryErrf(name, "is missing from the archive")
	}
	if a.used.Add(f.size) > a.lim.Total {
		return nil, entryErrf(name, "takes the archive over %d bytes inflated", a.lim.Total)
	}
	if int64(cap(buf)) < f.size {
		buf = make([]byte, f.size)
	}
	buf = buf[:f.size]
	if f.zip == nil {
		return buf, a.readFile(buf, name)
	}
	return buf, a.readZip(buf, f.zip)
}

func (a *Archive) readFile(buf []byte, name string) error {
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return entryErrf(a.dir, "cannot be opened: %w", unwrapPath(err))
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return entryErrf(name, "cannot be opened: %w", unwrapPath(err))
	}
	defer f.Close()
	if _, err := io.ReadFull(f, buf); err != nil {
		return entryErrf(name, "cannot be read: %w", err)
	}
	return nil
}

func (a *Archive) readZip(buf []byte, f *zip.File) error {
	packed, err := a.packed(f)
	if err != nil {
		return err
	}
	if f.Method == zip.Store {
		if len(packed) != len(buf) {
			return entryErrf(f.Name, "is stored as %d bytes, but its size is given as %d", len(packed), len(buf))
		}
		copy(buf, packed)
	} else {
		decoder := decoders.Get().(*inflate.Decoder)
		err := decoder.Decompress(buf, packed)
		decoders.Put(decoder)
		if err != nil {
			return entryErr(f.Name, err)
		}
	}
	if sum := crc32.ChecksumIEEE(buf); sum != f.CRC32 {
		return entryErrf(f.Name, "is damaged: its checksum is %08x, expected %08x", sum, f.CRC32)
	}
	return nil
}

// packed gives an entry's bytes as they stand in the zip.
func (a *Archive) packed(f *zip.File) ([]byte, error) {
	from, err := f.DataOffset()
	if err != nil {
		return nil, entryErrf(f.Name, "is cut or damaged: %w", err)
	}
	stored := f.CompressedSize64
	if from < 0 || from > int64(len(a.data)) || stored > uint64(int64(len(a.data))-from) {
		return nil, entryErrf(f.Name, "is cut: its data ends beyond the zip")
	}
	return a.data[from : from+int64(stored)], nil
}

// join names what is in a folder. Either name is clean: checkPath or checkSegment has seen to that.
func join(dir, name string) string { return dir + "/" + name }
