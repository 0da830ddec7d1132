package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	s, url := serving(t)
	r := get(t, url+"/openapi.json")
	var document map[string]any
	if err := json.Unmarshal([]byte(r.body), &document); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.body, `"@`) {
		t.Error("a placeholder was not replaced")
	}
	for path, at := range s.routes {
		methods, _ := document["paths"].(map[string]any)[path].(map[string]any)
		if methods[strings.ToLower(at.method)] == nil || len(methods) != 1 {
			t.Errorf("%s %s is not described", at.method, path)
		}
	}
	if n := len(document["paths"].(map[string]any)); n != len(s.routes) {
		t.Errorf("%d paths described, expected %d", n, len(s.routes))
	}
	checkReferences(t, document, document)
}

// checkReferences checks that the target of every $ref exists.
func checkReferences(t *testing.T, document map[string]any, at any) {
	switch value := at.(type) {
	case map[string]any:
		if to, ok := value["$ref"].(string); ok {
			var target any = document
			for _, part := range strings.Split(strings.TrimPrefix(to, "#/"), "/") {
				target, _ = target.(map[string]any)[part]
			}
			if target == nil {
				t.Errorf("%s has no target", to)
			}
		}
		for _, inner := range value {
			checkReferences(t, document, inner)
		}
	case []any:
		for _, inner := range value {
			checkReferences(t, document, inner)
		}
	}
}

func TestOpenAPIDescribesTheModel(t *testing.T) {
	_, url := serving(t)
	var document struct {
		Components struct {
			Schemas struct {
				Row struct {
					Required   []string
					Properties map[string]struct{ Type any }
				}
				Answer struct{ Properties map[string]any }
			}
		}
	}
	if err := json.Unmarshal([]byte(get(t, url+"/openapi.json").body), &document); err != nil {
		t.Fatal(err)
	}
	schemas := document.Components.Schemas
	if !slices.Equal(schemas.Row.Required, []string{"colour", "x0"}) || schemas.Row.Properties["x0"].Type != "number" {
		t.Errorf("%+v", schemas.Row)
	}
	for _, name := range []string{"features", "probability", "buy", "segment"} {
		if schemas.Answer.Properties[name] == nil {
			t.Errorf("no %s in %+v", name, schemas.Answer)
		}
	}
}
