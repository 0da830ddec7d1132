package features

import (
	"maps"
	"slices"
)

// feature reads one entry. It reads the operation first, because that determines the other members.
func (r *reader) feature(f *Feature) error {
	start := r.scan.Pos()
	if err := r.nameAndOp(f); err != nil {
		return err
	}
	op, ok := operations[f.Op]
	switch {
	case !namePattern.MatchString(f.Name):
		return fault("field name", quoted([]byte(f.Name)), "1 to 64 of a-z, 0-9 and _, a letter first")
	case !ok:
		return fault("field op", quoted([]byte(f.Op)), "one of "+joinNames(slices.Sorted(maps.Keys(operations))))
	}
	f.By, f.Missing = "clicks", op.missing
	f.kinds, f.pages, f.nextKinds, f.nextPages = allBits, allBits, allBits, allBits
	members := map[string]func() error{"name": r.scan.Skip, "op": r.scan.Skip}
	needed := []string{"name", "op"}
	for _, p := range op.params {
		members[p.name] = func() error { return p.read(f, r.scan) }
		if p.required {
			needed = append(needed, p.name)
		}
	}
	r.scan.Seek(start)
	if err := r.object("an object", members, needed...); err != nil {
		return err
	}
	f.Category = f.isCategory()
	return f.check()
}

// nameAndOp reads the members name and op and skips the others.
func (r *reader) nameAndOp(f *Feature) error {
	return r.fields("an object", func(key string) error {
		to := map[string]*string{"name": &f.Name, "op": &f.Op}[key]
		if to == nil || r.scan.Peek() != '"' {
			return r.scan.Skip()
		}
		text, err := r.scan.String()
		*to = string(text)
		return err
	})
}
