package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	bt "leapline/scorer/internal/bundletest"
)

// blockTestRows is more than a block, and not a multiple of it.
const blockTestRows = 700

// forestServer serves a random forest that rejects colours other than red, green and blue.
func forestServer(t *testing.T) string {
	t.Helper()
	stages := bt.Forest(rand.New(rand.NewPCG(3, 4)), "random_forest_classifier", 2, 40, 6)
	stages[0].Attrs["handle_invalid"] = "error"
	path := filepath.Join(t.TempDir(), "model.zip")
	if err := os.WriteFile(path, bt.Zip(t, "protobuf", nil, stages...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, url := servingBundle(t, path)
	return url
}

// format is a way to send rows: how to write one, how to join them, and the parts of the response around the rows.
type format struct {
	path, contentType               string
	row                             string // of colour, x0 and x1
	before, between, after          string
	outBefore, outBetween, outAfter string
}

var formats = map[string]format{
	"json": {
		"/v1/predict", "application/json", `{"colour":"%s","x0":%s,"x1":%s}`, `{"rows":[`, ",", "]}",
		`"rows":[`, ",", "]}\n",
	},
	"lines": {"/v1/predict", "application/x-ndjson", `{"colour":"%s","x0":%s,"x1":%s}`, "", "\n", "\n", "", "\n", "\n"},
	"csv":   {"/invocations", "text/csv", "%s,%s,%s", "", "\n", "\n", "", "\n", "\n"},
	"frame": {
		"/transform", "application/json", `["%s",%s,%s]`,
		`{"schema":{"fields":[{"name":"colour","type":"string"},{"name":"x0","type":"double"},{"name":"x1","type":"double"}]},"rows":[`,
		",", "]}", `"rows":[`, ",", "]}",
	},
}

// rows returns random rows in the format.
func (f *format) rows() []string {
	random := rand.New(rand.NewPCG(5, 6))
	rows := make([]string, blockTestRows)
	for i := range rows {
		colour := []string{"red", "green", "blue"}[random.IntN(3)]
		rows[i] = fmt.Sprintf(f.row, colour, fmt.Sprint(random.NormFloat64()), fmt.Sprint(random.NormFloat64()))
	}
	return rows
}

// send returns the status, and the rows of the response or all of a problem.
func (f *format) send(t *testing.T, url string, rows []string) (int, string) {
	t.Helper()
	r := send(t, "POST", url+f.path, f.contentType, f.before+strings.Join(rows, f.between)+f.after)
	if r.status != 200 {
		return r.status, r.body
	}
	_, content, ok := strings.Cut(r.body, f.outBefore)
	content, complete := strings.CutSuffix(content, f.outAfter)
	if !ok || !complete {
		t.Fatalf("response %.200s", r.body)
	}
	return r.status, content
}

func TestManyRowsEqualSingleRows(t *testing.T) {
	for name, f := range formats {
		rows := f.rows()
		url := forestServer(t)
		single := make([]string, len(rows))
		for i := range rows {
			status, content := f.send(t, url, rows[i:i+1])
			if status != 200 {
				t.Fatalf("%s, row %d: %d %s", name, i, status, content)
			}
			single[i] = content
		}
		want := strings.Join(single, f.outBetween)
		bt.EachLevel(t, func(t *testing.T) {
			for range 2 { // the second request uses the memory of the first
				status, content := f.send(t, url, rows)
				if status != 200 || content != want {
					t.Fatalf("%s: %d, %.300s", name, status, content)
				}
			}
		})
	}
}

// position is where in the body an error is.
var position = regexp.MustCompile(`byte \d+`)

// TestFirstErrorIsReported has rows that are invalid when they are read ("unreadable", a string instead of a number) and when
// they are scored ("violet").
func TestFirstErrorIsReported(t *testing.T) {
	for name, f := range formats {
		unreadable, violet := fmt.Sprintf(f.row, "red", `"a"`, "1"), fmt.Sprintf(f.row, "violet", "1", "1")
		for _, invalid := range []map[int]string{
			{300: violet, 400: unreadable}, {300: unreadable, 301: violet}, {300: violet, 611: violet}, {0: violet, 1: unreadable},
			{511: violet, 512: unreadable}, {512: violet, 513: unreadable}, {511: unreadable, 512: violet}, {699: violet}, {699: unreadable},
		} {
			rows := f.rows()
			first := len(rows)
			for i, row := range invalid {
				rows[i] = row
				first = min(first, i)
			}
			url := forestServer(t)
			_, want := f.send(t, url, rows[first:first+1])
			bt.EachLevel(t, func(t *testing.T) {
				status, content := f.send(t, url, rows)
				expected := strings.NewReplacer(`/rows/0`, fmt.Sprintf("/rows/%d", first), `"row":0`, fmt.Sprintf(`"row":%d`, first),
					"row 0:", fmt.Sprintf("row %d:", first)).Replace(want)
				if status != 422 || position.ReplaceAllString(content, "") != position.ReplaceAllString(expected, "") {
					t.Fatalf("%s, row %d: %d %s, expected %s", name, first, status, content, expected)
				}
			})
		}
	}
}
