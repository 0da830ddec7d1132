package frame

import (
	"fmt"
	"math"

	"leapline/scorer/internal/jsonscan"
)

// maxFields and maxDims limit the size of a schema.
const (
	maxFields = 100_000
	maxDims   = 16
)

// ParseSchema parses a schema, {"fields":[{"name","type"}...]}.
func ParseSchema(s *jsonscan.Scanner) (schema Schema, err error) {
	seen := false
	err = s.Members(func(key string) error {
		if key != "fields" {
			return s.Skip()
		}
		seen = true
		return s.Elements(maxFields, func() error {
			field, err := parseField(s)
			schema.Fields = append(schema.Fields, field)
			return err
		})
	})
	if err == nil && !seen {
		err = fmt.Errorf("schema has no fields")
	}
	if err == nil {
		err = schema.checkNames()
	}
	return schema, err
}

func (s Schema) checkNames() error {
	seen := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		if seen[f.Name] {
			return fmt.Errorf("schema has a duplicate column %.80q", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

func parseField(s *jsonscan.Scanner) (f Field, err error) {
	var named, typed bool
	err = s.Members(func(key string) (err error) {
		switch key {
		case "name":
			named = true
			var name []byte
			name, err = s.String()
			f.Name = string(name)
		case "type":
			typed = true
			f.Type, err = parseType(s)
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil && !(named && typed) {
		err = s.Errorf("field requires a name and a type")
	}
	return f, err
}

func parseType(s *jsonscan.Scanner) (t Type, err error) {
	t.Nullable = true
	if s.Peek() == '"' {
		t.Base, err = parseBase(s)
		return t, err
	}
	kind := ""
	err = s.Members(func(key string) (err error) {
		switch key {
		case "type":
			var name []byte
			name, err = s.String()
			kind = string(name)
		case "base":
			t.Base, err = parseBase(s)
		case "key":
			t.Key, err = parseBase(s)
		case "isNullable":
			t.Nullable, err = s.Bool()
		case "dimensions":
			t.Dims, err = parseDims(s)
		default:
			err = s.Skip()
		}
		return err
	})
	kinds := map[string]Kind{"basic": Scalar, "tensor": Tensor, "list": List, "map": Map}
	ok := false
	if t.Kind, ok = kinds[kind]; err == nil && !ok {
		err = s.Errorf("type %.40q, expected basic, tensor, list or map", kind)
	}
	if err == nil && t.Base == Undefined {
		err = s.Errorf("type has no base")
	}
	return t, err
}

func parseBase(s *jsonscan.Scanner) (Base, error) {
	name, err := s.String()
	if err != nil {
		return Undefined, err
	}
	base, ok := ParseBase(string(name))
	if !ok {
		return Undefined, s.Errorf("unknown base type %.40q", name)
	}
	return base, nil
}

func parseDims(s *jsonscan.Scanner) (dims []int, err error) {
	err = s.Elements(maxDims, func() error {
		n, err := s.Int()
		if err == nil && n != int64(int32(n)) {
			err = s.Errorf("dimension %d does not fit 32 bits", n)
		}
		dims = append(dims, int(n))
		return err
	})
	return dims, err
}

// TensorValue is a numeric tensor. Parse reuses its memory.
type TensorValue struct {
	Values []float64
	Index  []int32 // ascending positions of the values of a sparse tensor
	Sparse bool
	Size   int // number of elements
	Dims   int // number of dimensions
}

// Parse parses {"values":[..],"dimensions":[n]}, with "indices":[[i]..] for a sparse tensor. Null values become NaN.
// Index is not meaningful for more than one dimension.
func (t *TensorValue) Parse(s *jsonscan.Scanner) error {
	*t = TensorValue{Values: t.Values[:0], Index: t.Index[:0], Size: -1}
	values := false
	if err := s.Object(); err != nil {
		return err
	}
	for first := true; ; first = false {
		key, more, err := s.Key(first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch string(key) {
		case "values":
			values = true
			err = t.parseValues(s)
		case "indices":
			t.Sparse = true
			err = t.parseIndices(s)
		case "dimensions":
			err = t.parseDims(s)
		default:
			err = s.Skip()
		}
		if err != nil {
			return err
		}
	}
	return t.check(s, values)
}

func (t *TensorValue) check(s *jsonscan.Scanner, values bool) error {
	switch {
	case !values || t.Size < 0:
		return s.Errorf("tensor requires values and dimensions")
	case t.Sparse && t.Dims == 1 && len(t.Index) != len(t.Values):
		return s.Errorf("tensor has %d indices and %d values", len(t.Index), len(t.Values))
	case !t.Sparse && len(t.Values) != t.Size:
		return s.Errorf("tensor has %d values, but its dimensions require %d", len(t.Values), t.Size)
	}
	return nil
}

func (t *TensorValue) parseValues(s *jsonscan.Scanner) error {
	return s.Elements(math.MaxInt, func() error {
		x, err := s.FloatOrNull()
		t.Values = append(t.Values, x)
		return err
	})
}

func (t *TensorValue) parseIndices(s *jsonscan.Scanner) error {
	return s.Elements(math.MaxInt, func() error { return t.parseIndex(s) })
}

// parseIndex parses one position, [i], and keeps its first coordinate.
func (t *TensorValue) parseIndex(s *jsonscan.Scanner) error {
	n := 0
	return s.Elements(math.MaxInt, func() error {
		i, err := s.Int()
		if err != nil {
			return err
		}
		if i < 0 || i != int64(int32(i)) {
			return s.Errorf("tensor index %d is out of range", i)
		}
		if n == 0 {
			t.Index = append(t.Index, int32(i))
		}
		n++
		return nil
	})
}

func (t *TensorValue) parseDims(s *jsonscan.Scanner) error {
	if err := s.Array(); err != nil {
		return err
	}
	size := 1
	for t.Dims = 0; ; t.Dims++ {
		more, err := s.Elem(t.Dims == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		n, err := s.Int()
		if err != nil {
			return err
		}
		if n < 0 || n > 1<<31 || (n > 0 && int64(size) > 1<<31/n) || t.Dims == maxDims {
			return s.Errorf("tensor dimension %d is out of range", n)
		}
		size *= int(n)
	}
	t.Size = size
	return nil
}
