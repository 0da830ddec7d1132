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

// openAPITemplate is the document but for what depends on the model, which stands there as "@name".
//
//go:embed openapi.template.json
var openAPITemplate string

type schema map[string]any

// openAPIDocument describes the API of a model: the names and types of its columns stand in the schemas.
func openAPIDocument(m *Model) ([]byte, error) {
	var columns []string
	for _, out := range m.program.Outputs() {
		columns = append(columns, out.Name)
	}
	sample, err := json.Marshal(map[string]any{"schema": json.RawMessage(inputSchema(m)), "rows": []any{}})
	if err != nil {
		return nil, fmt.Errorf("describing the model: %w", err)
	}
	text := strings.NewReplacer(`"@maxRows"`, strconv.Itoa(maxRows), `"@maxEvents"`, strconv.Itoa(maxEvents)).Replace(openAPITemplate)
	for name, value := range map[string]any{
		"@row": rowSchema(m), "@answer": answerSchema(m), "@columns": columns, "@frame": json.RawMessage(sample),
		"@items": itemsSchema(m),
	} {
		part, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("describing the model: %w", err)
		}
		text = strings.Replace(text, `"`+name+`"`, string(part), 1)
	}
	return []byte(text), nil
}

func inputSchema(m *Model) []byte {
	return append(appendFields([]byte(`{"fields":`), m.standard.inputs), '}')
}

// rowSchema describes one row of a prediction. Inputs that the final outputs do not need may be left out.
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

// itemsSchema describes the wish for ranked items, which needs a model of them.
func itemsSchema(m *Model) schema {
	if m.items != nil {
		return schema{"type": "boolean", "default": false, "description": "Whether to rank the session's items too."}
	}
	return schema{"const": false, "description": "Whether to rank the session's items too: this archive has no model of them."}
}

func inputType(c engine.Column) schema {
	switch {
	case c.Width > 0:
		return schema{"type": "array", "items": schema{"type": "number"}, "minItems": c.Width, "maxItems": c.Width}
	case c.Type.Base == frame.String:
		return schema{"type": []string{"string", "null"}}
	case c.Type.Nullable:
		return schema{"type": []string{"number", "null"}}
	}
	return schema{"type": "number"}
}

// answerSchema describes one answer. What is not a number, such as a sum beyond a double's range, is null.
func answerSchema(m *Model) schema {
	properties := schema{}
	for _, out := range m.program.Outputs() {
		properties[out.Name] = outputType(out)
	}
	buy, segment := m.buys()
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
	case c.Type.Base == frame.String:
		return schema{"type": []string{"string", "null"}}
	case c.Type.Base == frame.Integer:
		return schema{"type": "integer"}
	}
	return number
}
