package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"leapline/scorer/engine"
	"leapline/scorer/frame"
)

// openAPITemplate is the document with placeholders of the form "@name" for the parts that depend on the model.
//
//go:embed openapi.template.json
var openAPITemplate string

type schema map[string]any

// openAPIDocument returns the document for a model; its schemas contain the names and types of the model's columns.
func openAPIDocument(m *Model) ([]byte, error) {
	var columns []string
	for _, out := range m.program.Outputs() {
		columns = append(columns, out.Name)
	}
	sample, err := json.Marshal(map[string]any{"schema": json.RawMessage(inputSchema(m)), "rows": []any{}})
	if err != nil {
		return nil, fmt.Errorf("rendering the OpenAPI document: %w", err)
	}
	text := strings.NewReplacer(`"@maxRows"`, strconv.Itoa(maxRows), `"@maxEvents"`, strconv.Itoa(maxEvents)).Replace(openAPITemplate)
	for name, value := range map[string]any{
		"@row": rowSchema(m), "@answer": responseRowSchema(m), "@columns": columns, "@frame": json.RawMessage(sample),
		"@items": itemsSchema(m),
	} {
		part, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("rendering the OpenAPI document: %w", err)
		}
		text = strings.Replace(text, `"`+name+`"`, string(part), 1)
	}
	return []byte(text), nil
}

func inputSchema(m *Model) []byte {
	return append(appendFields([]byte(`{"fields":`), m.standard.inputs), '}')
}

// rowSchema returns the schema of a row to score. Inputs that the final outputs do not need are optional.
func rowSchema(m *Model) schema {
	properties := schema{}
	for _, in := range m.inputs {
		properties[in.Name] = inputType(in)
	}
	required := []string{}
	for _, in := range m.standard.inputs {
		required = append(required, in.Name)
	}
	return schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// itemsSchema returns the schema of the flag that requests ranked items; it is false without an item model.
func itemsSchema(m *Model) schema {
	if m.items != nil {
		return schema{"type": "boolean", "default": false, "description": "Whether to rank the session's items."}
	}
	return schema{"const": false, "description": "Whether to rank the session's items; this archive has no item model."}
}

func inputType(c engine.Column) schema {
	switch {
	case c.Width > 0:
		return schema{"type": "array", "items": schema{"type": "number"}, "minItems": c.Width, "maxItems": c.Width}
	case c.Type.Kind == frame.List:
		return schema{"type": "array", "items": schema{"type": "string"}}
	case c.Type.Base == frame.String:
		return schema{"type": []string{"string", "null"}}
	case c.Type.Nullable:
		return schema{"type": []string{"number", "null"}}
	}
	return schema{"type": "number"}
}

// responseRowSchema returns the schema of a scored row. Values that JSON cannot represent (NaN, infinities) are null.
func responseRowSchema(m *Model) schema {
	properties := schema{}
	for _, out := range m.program.Outputs() {
		properties[out.Name] = outputType(out)
	}
	buy, segment := m.hasBuy()
	if buy {
		properties["buy"] = schema{
			"type": []string{"number", "null"}, "minimum": 0, "maximum": 1, "description": "Calibrated probability of class 1.",
		}
	}
	if segment {
		properties["segment"] = schema{"enum": []string{"buy", "defer"}}
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func outputType(c engine.Column) schema {
	number := schema{"type": []string{"number", "null"}}
	switch {
	case c.Width > 0:
		return schema{"type": "array", "items": number}
	case c.Type.Kind == frame.List:
		return schema{"type": "array", "items": schema{"type": "string"}}
	case c.Type.Base == frame.String:
		return schema{"type": []string{"string", "null"}}
	case c.Type.Base == frame.Integer:
		return schema{"type": "integer"}
	}
	return number
}
