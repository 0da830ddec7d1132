package bundle

import (
	"os"
	"path"
	"path/filepath"
	"testing"
)

// goldenFiles returns some files of a name from the golden bundles, if these exist.
func goldenFiles(t testing.TB, format, name string) (list [][]byte) {
	t.Helper()
	zips, err := filepath.Glob("../../../../shared/bundle-ml/golden/*/bundle." + map[string]string{"json": "json", "protobuf": "pb"}[format] + ".zip")
	if err != nil || len(zips) == 0 {
		t.Logf("no golden bundles: %v", err)
		return nil
	}
	const most, largest = 60, 4 << 10
	for _, file := range zips {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Read(file, data, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range a.Names() {
			if path.Base(entry) != name || a.files[entry].size > largest || len(list) >= most {
				continue
			}
			text, err := a.read(entry)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
	}
	return list
}
