package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"leapline/scorer/bundle"
	"leapline/scorer/frame"
)

// typesEntry is the file in an archive with the Spark types of the columns that a pipeline was trained on. Bundle.ML does
// not store them, but a StringIndexer has other labels for integers ("5") than for doubles ("5.0").
const typesEntry = "leapline/columns.json"

// trainedTypes maps Spark types to the type of an input column whose values become strings.
var trainedTypes = map[string]frame.Base{
	"tinyint": frame.Long, "smallint": frame.Long, "int": frame.Long, "bigint": frame.Long,
	"float": frame.Double, "double": frame.Double, "decimal": frame.Double,
}

// setTrainedTypes reads the training types of input columns. A column of numbers that a stage reads as strings is a column of
// numbers for callers.
func (p *Program) setTrainedTypes(a *bundle.Archive) error {
	data, ok, err := a.Extra(typesEntry)
	if err != nil || !ok {
		return err
	}
	var content struct {
		Columns map[string]string `json:"columns"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return &bundle.Error{Entry: typesEntry, Err: fmt.Errorf("is not an object with column types: %w", err)}
	}
	for _, i := range p.inputs {
		c := p.columns[i]
		name, _, _ := strings.Cut(content.Columns[c.Name], "(") // decimal(10,2)
		base, numeric := trainedTypes[name]
		if !numeric || c.text < 0 || c.Type.Kind != frame.Scalar {
			continue
		}
		c.trained = base
		if c.Type.Base == frame.String {
			c.Type.Base = frame.Double
		}
	}
	return nil
}

// formatNumber returns the string that Spark makes of a number in the column's training type.
func (r *Row) formatNumber(c *column, x float64, bits int) string {
	if c.trained == frame.Long && x == math.Trunc(x) && math.Abs(x) < 1<<63 {
		return r.FormatLong(int64(x))
	}
	return r.FormatDouble(x, bits)
}

// formatLong is formatNumber for an integer.
func (r *Row) formatLong(c *column, n int64) string {
	if c.trained == frame.Double {
		return r.FormatDouble(float64(n), 64)
	}
	return r.FormatLong(n)
}

// formatText returns a number in a string as Spark would format it in the column's training type; other text is unchanged.
func (r *Row) formatText(c *column, text string) string {
	if c.trained == frame.Undefined {
		return text
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
		return r.formatLong(c, n)
	}
	if x, err := parseNumber(text); err == nil {
		return r.formatNumber(c, x, 64)
	}
	return text
}
