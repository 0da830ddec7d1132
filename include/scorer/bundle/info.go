package bundle

import (
	"fmt"

	"leapline/scorer/internal/jsonscan"
)

// Info is the content of bundle.json.
type Info struct {
	UID       string
	Name      string
	Format    string // "json" or "protobuf"
	Version   string // version of the writer; the reader does not check it
	Timestamp string
}

func (a *Archive) readInfo(archive string) error {
	const entry = "bundle.json"
	if _, ok := a.files[entry]; !ok {
		return entryErrf(archive, "has no bundle.json at its top level")
	}
	data, err := a.read(entry)
	if err != nil {
		return err
	}
	if err := a.Info.parse(data, a.lim.Text); err != nil {
		return entryErr(entry, err)
	}
	return nil
}

func (n *Info) parse(data []byte, maxText int) error {
	fields := map[string]*string{
		"uid": &n.UID, "name": &n.Name, "format": &n.Format, "version": &n.Version, "timestamp": &n.Timestamp,
	}
	seen := map[string]bool{}
	s := jsonscan.New(data)
	err := readObject(s, func(key string) error {
		target := fields[key]
		if target == nil {
			return s.Skip()
		}
		if seen[key] {
			return s.Errorf("%q is duplicated", key)
		}
		seen[key] = true
		text, err := readString(s, maxText)
		*target = text
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range []string{"uid", "name", "format", "version", "timestamp"} {
		if !seen[key] {
			return fmt.Errorf("has no %q", key)
		}
	}
	if n.Format != "json" && n.Format != "protobuf" {
		return fmt.Errorf("format is %.40q, expected json or protobuf", n.Format)
	}
	return nil
}

// readObject reads a JSON text that consists of one object, and calls read for each key.
func readObject(s *jsonscan.Scanner, read func(key string) error) error {
	if err := s.Members(read); err != nil {
		return err
	}
	return s.End()
}

// readString reads a string of at most limit bytes.
func readString(s *jsonscan.Scanner, limit int) (string, error) {
	b, err := s.String()
	if err == nil && len(b) > limit {
		err = s.Errorf("string of %d bytes, the limit is %d", len(b), limit)
	}
	return string(b), err
}
