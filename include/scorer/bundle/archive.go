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
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"sync/atomic"
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
	Size          int64
	lim           Limits
	files         map[string]file
	data          []byte       // of a zip
	dir           string       // of a directory bundle
	inflatedBytes atomic.Int64 // inflated bytes so far
	treeNodes     atomic.Int64 // tree nodes so far
	stages        int          // stages so far
}

type file struct {
	size int64
	zip  *zip.File
}

// Open reads a zip or a directory.
func Open(name string, lim Limits) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, entryErrf(name, "cannot be opened: %w", pathCause(err))
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
		return nil, entryErrf(name, "cannot be read: %w", pathCause(err))
	}
	return listZip(name, data, digest, lim)
}

func pathCause(err error) error {
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
	return listZip(name, data, digest[:], lim)
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
	f, ok := a.files[name]
	if !ok {
		return nil, entryErrf(name, "is missing from the archive")
	}
	if a.inflatedBytes.Add(f.size) > a.lim.Total {
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

// join names what is in a folder. Either name is clean: checkPath or checkSegment has seen to that.
func join(dir, name string) string { return dir + "/" + name }
