package bundle

import (
	"path/filepath"
	"strings"
)

// Sub is the bundle in a folder of an archive, with the archive's limits; found is false when the folder has no bundle.json.
func (a *Archive) Sub(folder string) (sub *Archive, found bool, err error) {
	if _, found = a.files[join(folder, "bundle.json")]; !found {
		return nil, false, nil
	}
	sub = &Archive{Digest: a.Digest, lim: a.lim, files: map[string]file{}, data: a.data}
	if a.dir != "" {
		sub.dir = filepath.Join(a.dir, filepath.FromSlash(folder))
	}
	for name, f := range a.files {
		if inside, under := strings.CutPrefix(name, folder+"/"); under {
			sub.files[inside] = f
			sub.Size += f.size
		}
	}
	return sub, true, sub.readInfo(folder)
}
