package transform

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

const plainSchema = `{"fields":[{"name":"colour","type":"string"},{"name":"x","type":"double"},` +
	`{"name":"y","type":{"type":"basic","base":"double","isNullable":false}},` +
	`{"name":"v","type":{"type":"tensor","base":"double","dimensions":[3]}}]}`

func transformer(t testing.TB) *Transformer {
	t.Helper()
	tr, err := New(program(t))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got %s\nexpected %s", got, want)
	}
}

const modelFields = `{"name":"ci","type":{"type":"basic","base":"double","isNullable":false}},` +
	`{"name":"xi","type":{"type":"basic","base":"double","isNullable":false}},` +
	`{"name":"features","type":{"type":"tensor","base":"double","dimensions":[6]}}`

func TestAppendsModelColumnsToFrame(t *testing.T) {
	tr := transformer(t)
	want := `{"schema":` + strings.TrimSuffix(plainSchema, "]}") + "," + modelFields + `]},"rows":[` +
		`["blue",1.5,2.0,{"values":[1,2,3],"dimensions":[3]},1,1.5,{"dimensions":[6],"values":[1,1.5,2,1,2,3]}],` +
		`[null,null,null,{"indices":[[1]],"values":[7],"dimensions":[3]},5,0.5,{"dimensions":[6],"values":[5,0.5,null,0,7,0]}]]}`
	rows := `[["blue",1.5,2.0,{"values":[1,2,3],"dimensions":[3]}],[null , null, null,{"indices":[[1]],"values":[7],"dimensions":[3]} ] ]`
	for _, body := range []string{
		`{"schema":` + plainSchema + `,"rows":` + rows + `}`,
		`{"schema":` + plainSchema + `,"rows":` + rows + `}`, // the same schema again
		` { "rows" : ` + rows + ` , "note" : [{}] , "schema" : ` + plainSchema + ` } `,
	} {
		out, n, err := tr.Append([]byte("kept"), []byte(body))
		if err != nil || n != 2 || !strings.HasPrefix(string(out), "kept") {
			t.Fatalf("%s, %d, %v", out, n, err)
		}
		sameJSON(t, string(out[4:]), want)
	}
}

func TestCastsColumnsOfOtherTypes(t *testing.T) {
	schema := `{"fields":[{"name":"more","type":{"type":"list","base":"double"}},{"name":"v","type":{"type":"tensor","base":"int"}},` +
		`{"name":"y","type":"boolean"},{"name":"colour","type":"integer"},{"name":"map","type":{"type":"map","key":"string","base":"double"}},` +
		`{"name":"x","type":"string"},{"name":"wide","type":{"type":"tensor","base":"string","dimensions":[1]}},{"name":"f","type":"float"}]}`
	body := `{"schema":` + schema + `,"rows":[[[1],{"values":[1,2,3],"dimensions":[3]},true,7,{"a":1},"2.5",{"values":["a"],"dimensions":[1]},0.5]]}`
	out, _, err := transformer(t).Append(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var frame struct{ Rows [][]any }
	if err := json.Unmarshal(out, &frame); err != nil {
		t.Fatal(err)
	}
	row := frame.Rows[0]
	if len(row) != 11 || row[8] != 3.0 || row[9] != 2.5 {
		t.Errorf("%v", row)
	}
	if !strings.Contains(string(out), `"base":"int"`) {
		t.Errorf("the types of the schema have changed: %s", out)
	}
}

func TestRejectsInvalidFrames(t *testing.T) {
	valid := `["blue",1.5,2.0,{"values":[1,2,3],"dimensions":[3]}]`
	rows := func(row string) string { return `{"schema":` + plainSchema + `,"rows":[` + valid + `,` + row + `]}` }
	cell := func(v string) string { return rows(`["blue",1.5,2.0,` + v + `]`) }
	field := func(f string) string {
		return `{"schema":` + strings.Replace(plainSchema, `{"name":"x","type":"double"}`, f, 1) + `,"rows":[]}`
	}
	for body, want := range map[string]string{
		``:                                      "byte 0: unexpected end of input, expected an object",
		`[]`:                                    "expected an object",
		`{"schema":` + plainSchema:              "expected",
		`{}`:                                    "requires a schema and rows",
		`{"rows":[[]]}`:                         "requires a schema and rows",
		`{"schema":{},"rows":[]}`:               "schema has no fields",
		rows(valid) + "x":                       "expected end of input",
		rows(`[1,2]`):                           `row 1: column "colour": byte`,
		rows(`["blue"]`):                        "row 1: byte 298: 1 values, expected 4",
		rows(valid[:len(valid)-1] + `,1]`):      "more than 4 values",
		rows(`{}`):                              "row 1: byte",
		rows(`["blue","1.5",2,{}]`):             `row 1: column "x": byte`,
		cell(`null`):                            `row 1: stage assemble (vector_assembler): column "v" is null`,
		cell(`[1,2,3]`):                         "found an array, expected an object",
		cell(`{"values":[1,2,3]}`):              "tensor requires values and dimensions",
		cell(`{"values":[1],"dimensions":[3]}`): "tensor has 1 values, but its dimensions require 3",
		cell(`{"values":[1,2],"dimensions":[2]}`):                               `column "v" has 2 values, expected 3`,
		cell(`{"values":[1,2,3],"dimensions":[3,1]}`):                           "tensor has 2 dimensions",
		cell(`{"values":[1,2,3],"dimensions":[-3]}`):                            "dimension -3",
		cell(`{"values":[],"dimensions":[99999999999]}`):                        "dimension 99999999999",
		cell(`{"values":[1],"indices":[[3]],"dimensions":[3]}`):                 "has index 3",
		cell(`{"values":[1],"indices":[[-1]],"dimensions":[3]}`):                "index -1",
		cell(`{"values":[1,2],"indices":[[1]],"dimensions":[3]}`):               "tensor has 1 indices and 2 values",
		cell(`{"values":["NaN",1,2],"dimensions":[3]}`):                         "expected a number",
		field(`{"name":"z","type":"double"}`):                                   `column "x" (double?) is missing`,
		field(`{"name":"x","type":{"type":"list","base":"double"}}`):            `column "x" is a list(double), expected a double?`,
		field(`{"name":"x","type":{"type":"tensor","base":"double"}}`):          `column "x" is a tensor(double)[], expected a double?`,
		field(`{"name":"x","type":"decimal"}`):                                  `unknown base type "decimal"`,
		field(`{"name":"x","type":{"type":"set","base":"double"}}`):             `type "set"`,
		field(`{"name":"x","type":{"type":"tensor"}}`):                          "type has no base",
		field(`{"name":"x"}`):                                                   "field requires a name and a type",
		field(`{"name":"colour","type":"double"}`):                              `has a duplicate column "colour"`,
		field(`{"name":"x","type":"double"},{"name":"ci","type":"double"}`):     `column "ci" is an output of the model`,
		`{"schema":` + plainSchema + `,"schema":` + plainSchema + `,"rows":[]}`: `"schema" is duplicated`,
		`{"schema":` + plainSchema + `,"rows":[],"rows":[]}`:                    `"rows" is duplicated`,
	} {
		tr := transformer(t)
		if out, _, err := tr.Append(nil, []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: got %s, %v\nexpected %s", body, out, err, want)
		}
		// The transformer remains usable after an error.
		if _, _, err := tr.Append(nil, []byte(rows(valid))); err != nil {
			t.Errorf("after %.100s: %v", body, err)
		}
	}
}

func TestBindsColumnsThatDifferInCase(t *testing.T) {
	body := func(schema string) []byte {
		return []byte(`{"schema":` + schema + `,"rows":[["blue",1.5,2.0,{"values":[1,2,3],"dimensions":[3]}]]}`)
	}
	renamed := strings.Replace(plainSchema, `"colour"`, `"Colour"`, 1)
	if out, _, err := transformer(t).Append(nil, body(renamed)); err != nil || !strings.Contains(string(out), `"Colour"`) {
		t.Errorf("%s, %v", out, err)
	}
	both := strings.Replace(renamed, `{"fields":[`, `{"fields":[{"name":"COLOUR","type":"string"},`, 1)
	want := `column "colour" is ambiguous: "COLOUR" and "Colour" differ only in case`
	if _, _, err := transformer(t).Append(nil, body(both)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, expected %s", err, want)
	}
}

func TestCastsTensorElements(t *testing.T) {
	frame := func(base, values string) string {
		schema := strings.Replace(plainSchema, `"tensor","base":"double"`, `"tensor","base":"`+base+`"`, 1)
		return `{"schema":` + schema + `,"rows":[["blue",1.5,2.0,{"values":` + values + `,"dimensions":[3]}]]}`
	}
	for _, c := range []struct{ base, values, want string }{
		{"float", "[0.1,0.2,16777217]", "0.10000000149011612,0.20000000298023224,16777216"},
		{"double", "[0.1,0.2,16777217]", "0.1,0.2,16777217"},
		{"byte", "[-128,0,127]", "-128.0,0.0,127.0"},
		{"boolean", "[0,1,1]", "0.0,1.0,1.0"},
	} {
		out, _, err := transformer(t).Append(nil, []byte(frame(c.base, c.values)))
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s as %s: %s, %v", c.values, c.base, out, err)
		}
	}
	for _, c := range []struct{ base, values, want string }{
		{"int", "[0.5,1,2]", "tensor element 0.5 does not fit integer"}, {"byte", "[128,1,2]", "element 128 does not fit byte"},
		{"boolean", "[0,1,2]", "element 2 does not fit boolean"}, {"long", "[null,1,2]", "element NaN does not fit long"},
	} {
		if _, _, err := transformer(t).Append(nil, []byte(frame(c.base, c.values))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: got %v, expected %s", c.values, c.base, err, c.want)
		}
	}
}

func TestChecksNullsAndIntegerRanges(t *testing.T) {
	frame := func(typ, value string) string {
		return `{"schema":{"fields":[{"name":"e","type":` + typ + `},` + strings.TrimPrefix(plainSchema, `{"fields":[`) +
			`,"rows":[[` + value + `,"blue",1,2,{"values":[1,2,3],"dimensions":[3]}]]}`
	}
	basic := func(base string) string { return `{"type":"basic","base":"` + base + `","isNullable":false}` }
	for _, c := range []struct{ typ, value, want string }{
		{`"integer"`, "null", ""}, {basic("double"), "null", ""}, {basic("float"), "null", ""},
		{basic("integer"), "null", "null, expected integer"}, {basic("string"), "null", "null, expected string"},
		{`{"type":"list","base":"int","isNullable":false}`, "null", "null, expected list"},
		{`"byte"`, "127", ""}, {`"byte"`, "128", "128 does not fit byte"}, {`"short"`, "-32769", "does not fit short"},
		{`"integer"`, "2147483648", "does not fit integer"}, {`"long"`, "9223372036854775807", ""},
		{`"long"`, "9223372036854775808", "not a whole number"}, {`"integer"`, "1.5", "not a whole number"},
		{`"boolean"`, "1", "expected a boolean"}, {`"byte_string"`, `"YQ=="`, ""}, {`"string"`, `"\u00e9\n"`, ""},
		{`{"type":"map","key":"string","base":"int"}`, "[]", "not a map"}, {`{"type":"tensor","base":"string"}`, "[]", "not a tensor"},
	} {
		_, _, err := transformer(t).Append(nil, []byte(frame(c.typ, c.value)))
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s in a %s: got %v, expected %q", c.value, c.typ, err, c.want)
		}
	}
}

func TestScoresFramesWithoutAllocations(t *testing.T) {
	tr := transformer(t)
	body := []byte(`{"schema":` + plainSchema + `,"rows":[["blue",1.5,2.0,{"values":[1,2,3],"dimensions":[3]}]]}`)
	out := make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(100, func() {
		if _, _, err := tr.Append(out, body); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per frame", allocs)
	}
}
