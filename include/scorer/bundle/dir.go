package bundle

import (
	"io"
	"io/fs"
	"os"
)

func openDir(dir string, lim Limits) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, entryErrf(dir, "cannot be opened: %w", pathCause(err))
	}
	defer root.Close()
	a := &Archive{lim: lim, files: map[string]file{}, dir: dir}
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return entryErrf(name, "cannot be read: %w", pathCause(err))
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
		return entryErrf(name, "cannot be read: %w", pathCause(err))
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	if len(a.files) >= a.lim.Entries {
		return entryErrf(a.dir, "exceeds the limit of %d files", a.lim.Entries)
	}
	if a.Size += info.Size(); a.Size > a.lim.Archive {
		return entryErrf(a.dir, "exceeds the limit of %d bytes", a.lim.Archive)
	}
	a.files[name] = file{size: info.Size()}
	return a.checkSize(name, info.Size(), info.Size())
}

func (a *Archive) readFile(buf []byte, name string) error {
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return entryErrf(a.dir, "cannot be opened: %w", pathCause(err))
	}
	defer root.Close()
	f, err := root.Open(name)
	if err != nil {
		return entryErrf(name, "cannot be opened: %w", pathCause(err))
	}
	defer f.Close()
	if _, err := io.ReadFull(f, buf); err != nil {
		return entryErrf(name, "cannot be read: %w", err)
	}
	return nil
}
