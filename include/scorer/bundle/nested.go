package bundle

import (
	"path/filepath"
	"strings"
)

// Sub is the bundle in a folder of an archive, with the archive's limits; found is false when the folder has no bundle.json.
func (a *Archive) Nested(folder string) (nested *Archive, found bool, err error) {
	if _, found = a.files[join(folder, "bundle.json")]; !found {
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
