// Package bundle reads Bundle.ML archives as written by MLeap 0.25 and mleap.sklearn: a zip or a directory that contains
// JSON or protobuf files. The reader is strict. An attribute of an unexpected type, a path that leaves the archive, or a
// list or tree that exceeds the limits is rejected with an error that names the entry, in bounded time and memory.
//
//	archive, err := bundle.Open("model.zip", bundle.DefaultLimits())
//	root, err := archive.Root()                            // the root node, its model and its children
//	data, ok, err := archive.Extra("leapline/manifest.json")
package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"sync/atomic"
)

// Error is the type of all errors of this package about an archive that cannot be read.
type Error struct {
	Entry string // file in the archive, or the archive itself
	Err   error
}

// Error returns the entry and the cause.
func (e *Error) Error() string { return e.Entry + ": " + e.Err.Error() }

// Unwrap returns the cause.
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

// Archive is an opened bundle. It keeps the bytes of a zip in memory and does not keep files open.
type Archive struct {
	Info
	// Digest is the SHA-256 of the zip in hexadecimal; it is empty for a directory.
	Digest string
	// Size is the number of bytes of the zip, or of all files of a directory.
	Size          int64
	lim           Limits
	files         map[string]file
	data          []byte       // content of a zip
	dir           string       // path of a directory bundle
	inflatedBytes atomic.Int64 // decompressed bytes read so far
	treeNodes     atomic.Int64 // tree nodes read so far
	stages        int          // stages read so far
}

type file struct {
	size int64
	zip  *zip.File
}

// Open opens the zip or directory at a path.
func Open(name string, lim Limits) (*Archive, error) { return OpenChecked(name, lim, nil) }

// OpenChecked is like Open, but passes the SHA-256 of the zip, or "" for a directory, to check before it reads any part of
// the content, and returns the error of check. A nil check accepts everything.
func OpenChecked(name string, lim Limits, check func(digest string) error) (*Archive, error) {
	if check == nil {
		check = func(string) error { return nil }
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, entryErrf(name, "cannot be opened: %w", pathCause(err))
	}
	if info.IsDir() {
		if err := check(""); err != nil {
			return nil, err
		}
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
		return nil, entryErrf(name, "cannot be read: %w", pathCause(err))
	}
	if err := check(hex.EncodeToString(digest)); err != nil {
		return nil, err
	}
	return listZip(name, data, digest, lim)
}

// pathCause returns the cause of a path error without the path, which the caller adds.
func pathCause(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

// Read opens a zip in memory. Errors about the archive itself contain name.
func Read(name string, data []byte, lim Limits) (*Archive, error) {
	if int64(len(data)) > lim.Archive {
		return nil, entryErrf(name, "has %d bytes, the limit is %d", len(data), lim.Archive)
	}
	digest := sha256.Sum256(data)
	return listZip(name, data, digest[:], lim)
}

func (a *Archive) checkSize(name string, size, stored int64) error {
	if size > a.lim.Entry {
		return entryErrf(name, "has %d bytes, the limit per entry is %d", size, a.lim.Entry)
	}
	if size > ratioExempt && size/a.lim.Ratio > stored {
		return entryErrf(name, "expands %d bytes to %d, the limit is %d to 1", stored, size, a.lim.Ratio)
	}
	return nil
}

// ratioExempt is the size up to which a file may have any compression ratio. The coefficients of a sparse model compress well.
const ratioExempt = 16 << 20

// checkPath rejects all but slash-separated relative paths without empty, "." or ".." segments, backslashes or NULs.
func checkPath(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return errUnsafePath
	}
	return nil
}

// Names returns the sorted names of all files.
func (a *Archive) Names() []string {
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Extra reads a file that is not part of Bundle.ML, such as leapline/manifest.json; ok is false if it does not exist.
func (a *Archive) Extra(name string) (data []byte, ok bool, err error) {
	if _, ok = a.files[name]; !ok {
		return nil, false, nil
	}
	data, err = a.read(name)
	return data, true, err
}

// read returns the content of an entry.
func (a *Archive) read(name string) ([]byte, error) { return a.readInto(nil, name) }

// readInto returns the content of an entry, and uses the memory of buf if it is large enough. The bytes count towards the
// archive's limit. It is safe for concurrent use.
func (a *Archive) readInto(buf []byte, name string) ([]byte, error) {
	f, ok := a.files[name]
	if !ok {
		return nil, entryErrf(name, "is missing from the archive")
	}
	if a.inflatedBytes.Add(f.size) > a.lim.Total {
		return nil, entryErrf(name, "exceeds the archive's limit of %d decompressed bytes", a.lim.Total)
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

// join joins two paths that checkPath or checkSegment has accepted.
func join(dir, name string) string { return dir + "/" + name }
