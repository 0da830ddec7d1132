package ops_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/transform"
)

// sharedCase is a folder with a bundle, the leap frame input.json, and the outputs of Spark and MLeap per row.
type sharedCase struct {
	Spark, MLeap []struct {
		OK    json.RawMessage
		Error string
	}
	Columns []struct{ Name string } `json:"mleap_columns"`
}

// rejected lists the cases that the scorer rejects, because the bundle or the row has no correct output.
var rejected = map[string]string{
	"mleap_json_stump_inf": `attribute "intercept" contains null`,
	"naive_bayes_negative": "feature 0 is -1, expected 0 or more",
}

// TestSharedCases compares the scorer with Spark, or with MLeap for bundles that Spark has not written.
func TestSharedCases(t *testing.T) {
	folders, err := filepath.Glob("../../../../shared/cases/bundle/*/bundle.zip")
	if err != nil || len(folders) == 0 {
		t.Skip("SKIPPED: ../shared/cases/bundle does not exist")
	}
	for _, path := range folders {
		dir := filepath.Dir(path)
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			fields, rows, err := scoreFrame(path, readFile(t, filepath.Join(dir, "input.json")))
			if want := rejected[name]; want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, expected %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var c sharedCase
			decode(t, readFile(t, filepath.Join(dir, "expected.json")), &c)
			for i, row := range rows {
				for column, want := range c.expected(t, i) {
					if got := dense(row[fields[column]]); relativeDifference(got, want) > 1e-9 {
						t.Errorf("row %d, %s: %v, expected %v", i, column, got, want)
					}
				}
			}
		})
	}
}

// expected returns the values of a row by column.
func (c *sharedCase) expected(t *testing.T, row int) map[string]any {
	t.Helper()
	if c.Spark != nil {
		var values map[string]any
		decode(t, c.Spark[row].OK, &values)
		return values
	}
	var list [][]any
	decode(t, c.MLeap[row].OK, &list)
	values := map[string]any{}
	for i, column := range c.Columns {
		values[column.Name] = list[0][i]
	}
	return values
}

// scoreFrame returns the rows of the response and the position of each column.
func scoreFrame(path string, frame []byte) (fields map[string]int, rows [][]any, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, err
	}
	archive, err := bundle.Open(path, bundle.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	program, err := engine.Compile(archive)
	if err != nil {
		return nil, nil, err
	}
	transformer, err := transform.New(program)
	if err != nil {
		return nil, nil, err
	}
	out, _, err := transformer.Append(nil, frame)
	if err != nil {
		return nil, nil, err
	}
	var response anyFrame
	if err := json.Unmarshal(out, &response); err != nil {
		return nil, nil, err
	}
	fields = map[string]int{}
	for i, f := range response.Schema.Fields {
		fields[f.Name] = i
	}
	return fields, response.Rows, nil
}
