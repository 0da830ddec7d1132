package server

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// buyFolder contains a small pipeline with a manifest: colour (a string; null and unseen values are allowed) and x0 are
// assembled into a vector, from which a logistic regression computes rawPrediction, probability and prediction.
const buyFolder = "../../testdata/buy"

// buyBundle zips the small pipeline.
func buyBundle(t testing.TB) string {
	return buyBundleWith(t, nil)
}

// buyBundleWith zips the small pipeline with the contents of some files replaced; "" removes a file.
func buyBundleWith(t testing.TB, changed map[string]string) string {
	t.Helper()
	folder := os.DirFS(buyFolder)
	entries := map[string]string{}
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		entries[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(entries, changed)
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if entries[name] == "" {
			continue
		}
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(entries[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, buffer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
