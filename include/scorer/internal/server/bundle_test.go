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

// buyFolder is a small pipeline with a manifest: colour (a string; null and unseen ones allowed) and x0 become a vector,
// a logistic regression makes rawPrediction, probability and prediction of it.
const buyFolder = "../../testdata/buy"

// buyBundle zips the small pipeline.
func buyBundle(t testing.TB) string {
	return buyBundleWith(t, nil)
}

// buyBundleWith zips the small pipeline with other contents for some files; "" leaves a file out.
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
