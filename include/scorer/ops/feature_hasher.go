package ops

import (
	"fmt"
	"slices"

	"leapline/scorer/engine"
)

// feature_hasher adds the columns of a row to a vector, at a position that is a hash of the column's name: numbers with
// their value; strings, booleans and categorical numbers as 1 at the hash of "name=value". Null adds nothing.
func init() { engine.Register("feature_hasher", newFeatureHasher) }

type featureHasher struct {
	columns []hashedColumn
	out     engine.VectorOut
	width   int
	scratch int
}

type hashedColumn struct {
	number engine.Number
	text   engine.Text
	typ    string
	prefix string // name and "=", of a categorical column
	bucket int32  // position in the vector, of a numeric column
}

// hashedFeatures is a row's memory for the positions and values of its columns.
type hashedFeatures []hashedFeature

type hashedFeature struct {
	bucket int32
	value  float64
}

func newFeatureHasher(s *engine.Stage) engine.Step {
	t := featureHasher{width: s.Size("num_features", maxCategories)}
	names, types, categorical := s.Strings("input_names"), s.BasicTypes("basic_types"), s.Strings("categorical_cols")
	shapes := s.Shapes("input_shapes")
	if !s.Failed() && (len(names) != s.Inputs() || len(types) != len(names) || len(shapes) != len(names)) {
		s.Fail("the model has %d input_names, %d basic_types, %d input_shapes and %d input ports, expected equal numbers",
			len(names), len(types), len(shapes), s.Inputs())
	}
	for i, name := range names {
		if s.Failed() {
			return nil
		}
		t.columns = append(t.columns, t.newColumn(s, fmt.Sprintf("input%d", i), name, types[i], slices.Contains(categorical, name)))
	}
	if t.width < sparseFrom {
		t.out = s.NewVector("output", t.width)
	} else {
		t.out = s.NewSparse("output", t.width, min(t.width, len(names)), vectorType(t.width))
	}
	t.scratch = s.Scratch(func() any { return make(hashedFeatures, 0, len(names)) })
	s.Describe("%s, %s", plural(len(names), "column"), plural(t.width, "value"))
	return t
}

func (t *featureHasher) newColumn(s *engine.Stage, port, name, typ string, categorical bool) hashedColumn {
	c := hashedColumn{typ: typ}
	switch typ {
	case "string":
		c.text = s.Text(port)
		categorical = true
	case "boolean":
		c.number = s.Number(port, true)
		categorical = true
	case "byte", "short", "int", "long", "float", "double":
		c.number = s.Number(port, true)
	default:
		s.Fail("column %.80q has type %s, expected a string, boolean or number", name, typ)
	}
	if categorical {
		c.prefix = name + "="
	} else if !s.Failed() {
		c.bucket = hashBucket(murmur3(name), t.width)
	}
	return c
}

func (t featureHasher) Run(r *engine.Row) error {
	features := r.Scratch(t.scratch).(hashedFeatures)[:0]
	for i := range t.columns {
		feature, null, err := t.columns[i].hash(r, t.width)
		if err != nil {
			return err
		}
		if !null {
			features = append(features, feature)
		}
	}
	slices.SortStableFunc(features, func(a, b hashedFeature) int { return int(a.bucket) - int(b.bucket) })
	t.store(r, features)
	return nil
}

// hash returns the position and value of a row's column.
func (c *hashedColumn) hash(r *engine.Row, width int) (f hashedFeature, null bool, err error) {
	if c.typ == "string" {
		text, null, err := c.text.GetNullable(r)
		if null || err != nil {
			return f, null, err
		}
		return c.category(r, text, width), false, nil
	}
	x, null, err := c.number.GetNullable(r)
	if null || err != nil {
		return f, null, err
	}
	if c.prefix == "" {
		return hashedFeature{c.bucket, x}, false, nil
	}
	return c.category(r, c.format(r, x), width), false, nil
}

func (c *hashedColumn) category(r *engine.Row, text string, width int) hashedFeature {
	key := r.Concat(c.prefix, text)
	return hashedFeature{hashBucket(murmur3(key), width), 1}
}

// format returns the string of a number or boolean in Java.
func (c *hashedColumn) format(r *engine.Row, x float64) string {
	switch {
	case c.typ == "boolean" && x != 0:
		return "true"
	case c.typ == "boolean":
		return "false"
	case c.typ == "double":
		return r.FormatDouble(x, 64)
	case c.typ == "float":
		return r.FormatDouble(x, 32)
	}
	return r.FormatLong(int64(x))
}

// store adds up the sorted features.
func (t *featureHasher) store(r *engine.Row, sorted hashedFeatures) {
	var dense []float64
	var sparse *engine.SparseVector
	if t.width < sparseFrom {
		dense = t.out.Buffer(r)
		clear(dense)
		t.out.SetSparseInSpark(r, true)
	} else {
		sparse = t.out.SparseBuffer(r)
	}
	for i := 0; i < len(sorted); {
		bucket, sum := sorted[i].bucket, 0.0
		for ; i < len(sorted) && sorted[i].bucket == bucket; i++ {
			sum += sorted[i].value
		}
		if dense != nil {
			dense[bucket] = sum
		} else {
			sparse.Add(int(bucket), sum)
		}
	}
}
