package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	bt "leapline/scorer/internal/bundletest"
)

// tokensBundle zips a pipeline that counts the tokens of a text and of a list.
func tokensBundle(t *testing.T) string {
	t.Helper()
	count := func(column string) bt.Stage {
		return bt.Stage{
			Name: "count_" + column, Op: "count_vectorizer", In: bt.Ports{"input", column}, Out: bt.Ports{"output", "n_" + column},
			Attrs: bt.Attrs{"vocabulary": []string{"red", "shoe"}, "binary": false, "min_tf": 1.0},
		}
	}
	data := bt.Zip(t, "json", nil,
		bt.Stage{Name: "split", Op: "tokenizer", In: bt.Ports{"input", "query"}, Out: bt.Ports{"output", "words"}}, count("words"), count("tags"))
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScoresTextsAndListsOfStrings(t *testing.T) {
	_, url := servingBundle(t, tokensBundle(t))
	all := `"columns":["words","n_words","n_tags"]`
	for _, c := range []struct {
		row    string
		status int
		want   string
	}{
		{`{"query":"Red shoe red","tags":["shoe","gr\u00fcn"]}`, 200, `"words":["red","shoe","red"],"n_words":[2.0,1.0],"n_tags":[0.0,1.0]`},
		{`{"query":"","tags":[]}`, 200, `"words":[""],"n_words":[0.0,0.0],"n_tags":[0.0,0.0]`},
		{`{"query":"x","tags":["a",1]}`, 422, `column \"tags\" must be an array of strings`},
		{`{"query":"x","tags":"a"}`, 422, `column \"tags\" must be an array of strings`},
		{`{"query":"x","tags":null}`, 422, `column \"tags\" is null`},
	} {
		reply := post(t, url+"/v1/predict", `{"row":`+c.row+`,`+all+`}`)
		if reply.status != c.status || !strings.Contains(reply.body, c.want) {
			t.Errorf("%s: %d %s, expected %s", c.row, reply.status, reply.body, c.want)
		}
	}
	reply := send(t, "POST", url+"/invocations", "text/csv", "shoe\n")
	if reply.status != 422 || !strings.Contains(reply.body, "which CSV cannot contain") {
		t.Errorf("%d %s", reply.status, reply.body)
	}
	frame := `{"schema":{"fields":[{"name":"query","type":"string"},{"name":"tags","type":{"type":"list","base":"string"}}]},"rows":[["red",["shoe","shoe"]]]}`
	reply = post(t, url+"/transform", frame)
	if reply.status != 200 || !strings.Contains(reply.body, `["red",["shoe","shoe"],["red"],{"dimensions":[2]`) {
		t.Errorf("%d %s", reply.status, reply.body)
	}
	reply = get(t, url+"/openapi.json")
	if reply.status != 200 || !strings.Contains(reply.body, `"items":{"type":"string"}`) {
		t.Errorf("%d %s", reply.status, reply.body)
	}
}
