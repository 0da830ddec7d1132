package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	bt "leapline/scorer/internal/bundletest"
)

func TestAcceptsNumbersForIndexersOfNumbers(t *testing.T) {
	data := bt.Zip(t, "json", map[string]string{"leapline/columns.json": `{"columns":{"n":"int"}}`}, bt.Stage{
		Name: "index", Op: "string_indexer", In: bt.Ports{"input", "n"}, Out: bt.Ports{"output", "i"},
		Attrs: bt.Attrs{"labels": []string{"7", "5"}, "handle_invalid": "keep"},
	})
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, url := servingBundle(t, path)
	for value, want := range map[string]string{
		"5": `"i":1.0`, "5.0": `"i":1.0`, "5e0": `"i":1.0`, "7": `"i":0.0`, "8": `"i":2.0`, "null": `"i":2.0`, `"5"`: `must be a number`,
	} {
		reply := post(t, url+"/v1/predict", `{"row":{"n":`+value+`}}`)
		if !strings.Contains(reply.body, want) {
			t.Errorf("%s: %d %s, expected %s", value, reply.status, reply.body, want)
		}
	}
	reply := send(t, "POST", url+"/invocations", "text/csv", "5\n")
	if reply.status != 200 || !strings.HasPrefix(reply.body, "1.0") {
		t.Errorf("%d %s", reply.status, reply.body)
	}
}
