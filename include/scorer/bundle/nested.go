package bundle

import (
	"path/filepath"
	"strings"
)

// Nested returns the bundle in a folder of the archive, with the archive's limits; ok is false if the folder has no
// bundle.json.
func (a *Archive) Nested(folder string) (nested *Archive, ok bool, err error) {
	if _, ok = a.files[join(folder, "bundle.json")]; !ok {
		return nil, false, nil
	}
	nested = &Archive{Digest: a.Digest, lim: a.lim, files: map[string]file{}, data: a.data}
	if a.dir != "" {
		nested.dir = filepath.Join(a.dir, filepath.FromSlash(folder))
	}
	for name, f := range a.files {
		if relative, ok := strings.CutPrefix(name, folder+"/"); ok {
			nested.files[relative] = f
			nested.Size += f.size
		}
	}
	return nested, true, nested.readInfo(folder)
}
