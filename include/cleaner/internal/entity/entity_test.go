package entity

import (
	"fmt"
	"strings"
	"testing"
)

// The entities as `schema(x, y)`, as Spark 4.1's from_json returns them for the same texts.
var documents = []struct{ text, entities string }{
	{`{"data":[{"schema":"iglu:a/b/","data":{"x":"1","y":2}}]}`, `iglu:a/b/(1, 2)`},
	{`{"data":[{"schema":"s","data":{"x":1.50,"y":true}}]}`, `s(1.5, true)`},
	{`{"data":[{"schema":"s","data":{"x":null,"y":[1, 2]}}]}`, `s(-, [1,2])`},
	{`{"data":[{"schema":"s","data":{"x":{"a": 1},"y":"\u00e4\ud83d\uded2\n"}}]}`, "s({\"a\":1}, \u00e4\U0001f6d2\n)"},
	{`{"data":[{"data":{"x":"1"},"schema":"late"}]}`, `late(1, -)`},
	{`{"data":[{"schema":"s","data":{"x":"1","x":"2"}}]}`, `s(2, -)`},
	{`{"data":[{"schema":"s","data":{"x":"1"}},"text"]}`, ``},
	{`{"data":{"schema":"s"}}`, ``},
	{`{"data":"x"}`, ``},
	{`{"data":[]}`, ``},
	{`{}`, ``},
	{`[]`, ``},
	{`null`, ``},
	{``, ``},
	{` {"data" : [ {"schema" : "s" , "data" : { "x" : "1" } } ] } `, `s(1, -)`},
	{`{"data":[{"schema":"s","data":{"x":"1"}}`, ``},
	{`{"data":[{"schema":5,"data":{"x":"1"}}]}`, `5(1, -)`},
	{`{"data":[{"schema":"s","data":"no object"}]}`, `s(-, -)`},
	{`{"data":[{"schema":"s","data":[{"x":"1"}]}]}`, `s(-, -)`},
	{`{"data":[{"schema":"s","data":{"x":01}}]}`, ``},
	{`{"data":[{"schema":"s","data":{"x":1e5,"y":-0.0}}]}`, `s(100000.0, -0.0)`},
	{`{"data":[{"schema":"s","data":{"x":"\ud800"}}]}`, `s(?, -)`},
	{`{"data":[{"schema":"s","data":{"x":"a\/b\"c"}}]}`, `s(a/b"c, -)`},
	{`{"data":[{"schema":"s","data":{"x":"1",}}]}`, ``},
	{`{"other":{"data":[1]},"data":[{"schema":"s","data":{"x":"1"}}]}`, `s(1, -)`},
	{`{"data":[{"schema":"s","data":{"x":""}}]}`, `s(, -)`},
	{`{"data":[{"schema":"s","data":{"x":"1"}}],"data":[]}`, ``},
	{`{"data":[{"schema":"s","data":{"x":"1"}}],"data":null}`, ``},
	{"{\"data\":[{\"schema\":\"s\",\"data\":{\"x\":\"tab\there\"}}]}", ``},
	// Spark accepts these, and RFC 8259 does not; Snowplow's own validation never lets them through.
	{`{"data":[{"schema":"s","data":{"x":"1"}}]} tail`, ``},
	{`{'data':[{'schema':'s','data':{'x':'1'}}]}`, ``},
	{`{"data":[{"schema":"s","data":{"x":NaN}}]}`, ``},
}

func text(data [][]byte, place int) string {
	if place >= len(data) || data[place] == nil {
		return "-"
	}
	return string(data[place])
}

func TestEntitiesAreThoseOfSpark(t *testing.T) {
	fields := map[string]int{"x": 0, "y": 1}
	var r Reader
	for _, d := range documents {
		r.Reset()
		var entities []string
		for _, e := range r.Entities([]byte(d.text), fields) {
			entities = append(entities, fmt.Sprintf("%s(%s, %s)", e.Schema, text(e.Data, 0), text(e.Data, 1)))
		}
		if joined := strings.Join(entities, " "); joined != d.entities {
			t.Errorf("%s: found %q, expected %q", d.text, joined, d.entities)
		}
	}
}

func TestEventHasTheFieldsOfItsData(t *testing.T) {
	var r Reader
	data := r.Event([]byte(`{"schema":"iglu:u/","data":{"schema":"iglu:e/","data":{"type":"add","n":3}}}`), map[string]int{"n": 0, "type": 1})
	if text(data, 0) != "3" || text(data, 1) != "add" {
		t.Errorf("found %q", data)
	}
	if data := r.Event([]byte(`{"data":{"data":{"n":3}`), map[string]int{"n": 0}); data != nil {
		t.Errorf("truncated JSON has %q", data)
	}
}

// FuzzReader checks that no text makes the reader fail or read beyond its end.
func FuzzReader(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d.text))
	}
	fields := map[string]int{"x": 0, "y": 1}
	f.Fuzz(func(_ *testing.T, text []byte) {
		var r Reader
		r.Entities(text, fields)
		r.Event(text, fields)
	})
}
