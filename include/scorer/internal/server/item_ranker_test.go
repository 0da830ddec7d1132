package server

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const itemSpec = `{"version": 1, "unit": "pair", "features": [
 {"name": "x0", "op": "last", "of": "price", "kinds": ["item_view"]}, {"name": "colour", "op": "pair_item"}, {"name": "n", "op": "count"}
]}`

// withItems returns the entries of an item model: the same small model with pair features.
func withItems(t testing.TB) map[string]string {
	t.Helper()
	entries := map[string]string{itemsFolder + "/features.json": itemSpec}
	folder := os.DirFS(buyFolder)
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(name, "leapline/") {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		entries[itemsFolder+"/"+name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest := string(readFile(t, buyFolder+"/"+manifestEntry))
	entries[manifestEntry] = strings.Replace(manifest, `"label"`, `"items": {"calibration": {"kind": "odds", "factor": 0.25}}, "label"`, 1)
	return entries
}

const browsing = `{"items":true,%s"session":{"events":[
	{"ts":1773480413001,"kind":"item_view","item":"red","price":2},{"ts":1773480413002,"kind":"item_view","item":"z","price":1},
	{"ts":1773480413003,"kind":"item_view","item":"é","price":1},{"ts":1773480413004,"kind":"search","item":"searched"},
	{"ts":1773480413005,"kind":"item_view","item":"red","price":-1},{"ts":1773480413006,"kind":"checkout"},{"ts":1773480413007,"kind":"item_view","item":"late"}]}}`

type rankedItems struct {
	Sessions []struct {
		Buy   float64
		Items []struct {
			Item     string
			Buy      float64
			Features map[string]any
		}
	}
}

func TestScoreRanksItems(t *testing.T) {
	_, url := servingBundle(t, buyBundleWith(t, withItems(t)))
	r := post(t, url+"/v1/score", fmt.Sprintf(browsing, `"features":true,`))
	var got rankedItems
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
		t.Fatalf("%v %+v", err, r)
	}
	list := got.Sessions[0].Items
	if len(list) != 3 || list[0].Item != "red" || list[1].Item != "z" || list[2].Item != "é" {
		t.Fatalf("%+v", list)
	}
	p := probabilityOf(0, -1)
	if want := 0.25 * p / (0.25*p + 1 - p); math.Abs(list[0].Buy-want) > 1e-15 || list[1].Buy != list[2].Buy {
		t.Errorf("%+v, expected %v", list, want)
	}
	if f := list[0].Features; f["x0"] != -1.0 || f["colour"] != "red" || f["n"] != 2.0 {
		t.Errorf("%+v", f)
	}
	if r := post(t, url+"/v1/score", `{"items":true,"session":{"events":[{"ts":1773480413001,"kind":"search"}]}}`); !strings.Contains(r.body, `"items":[]`) {
		t.Error(r.body)
	}
	if r := get(t, url+"/v1/model"); !strings.Contains(r.body, `"item_features":[{"name":"x0","type":"double"}`) {
		t.Error(r.body)
	}
}

func TestScoreRejectsTooManyItems(t *testing.T) {
	_, url := servingBundle(t, buyBundleWith(t, withItems(t)))
	var events []string
	for i := range maxItems + 1 {
		events = append(events, fmt.Sprintf(`{"ts":%d,"kind":"item_view","item":"i%d"}`, 1773480413000+i, i))
	}
	body := `{"items":true,"session":{"events":[` + strings.Join(events, ",") + `]}}`
	if r := post(t, url+"/v1/score", body); r.status != 413 || r.problem(t).Pointer != "/session/events" && r.problem(t).Pointer != "/session" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := post(t, url+"/v1/score", strings.Replace(body, `"items":true,`, ``, 1)); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestLoadRejectsInvalidItemModels(t *testing.T) {
	for name, want := range map[string][2]string{
		itemsFolder + "/features.json":   {strings.Replace(itemSpec, `"pair"`, `"session"`, 1), "leapline/items/features.json: feature 2 \"colour\": field op"},
		itemsFolder + "/root/model.json": {"", "leapline/items/root/model.json: is missing"},
		itemsFolder + "/bundle.json":     {"{}", "leapline/items/bundle.json"},
	} {
		entries := withItems(t)
		entries[name] = want[0]
		if _, err := Load(buyBundleWith(t, entries)); err == nil || !strings.Contains(err.Error(), want[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScoreRanksItemsOfBundleDirectory checks that a bundle directory may contain an item model too.
func TestScoreRanksItemsOfBundleDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(buyFolder)); err != nil {
		t.Fatal(err)
	}
	for name, text := range withItems(t) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, url := servingBundle(t, dir)
	if r := post(t, url+"/v1/score", fmt.Sprintf(browsing, "")); !strings.Contains(r.body, `"items":[{"item":"red"`) {
		t.Error(r.body)
	}
}
