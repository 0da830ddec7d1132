package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// predictBodies returns a body for /v1/predict for each row of a leap frame.
func predictBodies(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var frame struct {
		Schema struct {
			Fields []struct {
				Name string `json:"name"`
			} `json:"fields"`
		} `json:"schema"`
		Rows [][]json.RawMessage `json:"rows"`
	}
	if err := json.Unmarshal(text, &frame); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var bodies [][]byte
	for i, row := range frame.Rows {
		if len(row) != len(frame.Schema.Fields) {
			return nil, fmt.Errorf("%s: row %d has %d values", path, i, len(row))
		}
		named := map[string]json.RawMessage{}
		for k, field := range frame.Schema.Fields {
			named[field.Name] = row[k]
		}
		body, err := json.Marshal(map[string]any{"rows": []any{named}})
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("%s has no rows", path)
	}
	return bodies, nil
}
