package mapping

import (
	"strings"

	"leapline/cleaner/internal/java"
)

const (
	maxPath = 120 // characters of a name
	maxPart = 40  // characters of a path's part that is no id or text
)

// Unmapped returns the name of a page or event that the mapping does not know, empty for others. A path loses every part that
// may name a person, an order or an item.
func (m *Mapping) Unmapped(e *Event, mapped *Mapped) string {
	if mapped.Page == "other" {
		path := string(e.Field(m.pagePath))
		if path == "" {
			path = "/"
		}
		return "page " + withoutVariables(java.Prefix(path, maxPath))
	}
	if mapped.Kind != "other" {
		return ""
	}
	var names []string
	for _, column := range m.named {
		if text := e.Field(column); text != nil {
			names = append(names, string(text))
		}
	}
	if name := withoutDigits(strings.Join(names, " ")); name != "" {
		return "event " + java.Prefix(name, maxPath)
	}
	return ""
}

func withoutVariables(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "0123456789@%=:;,+") || java.Prefix(part, maxPart) != part {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

// withoutDigits replaces each run of digits by a star.
func withoutDigits(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i]-'0' > 9 {
			out.WriteByte(text[i])
		} else if i == 0 || text[i-1]-'0' > 9 {
			out.WriteByte('*')
		}
	}
	return out.String()
}
