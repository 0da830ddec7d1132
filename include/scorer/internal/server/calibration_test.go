package server

import (
	"math"
	"strings"
	"testing"
)

func TestCalibrationApply(t *testing.T) {
	odds := &Calibration{Kind: "odds", Factor: 0.1}
	knots := &Calibration{Kind: "isotonic", X: []float64{0.2, 0.4, 0.8}, Y: []float64{0.1, 0.1, 0.5}}
	cases := []struct {
		c    *Calibration
		p    float64
		want float64
	}{
		{nil, 0.3, 0.3},
		{odds, 0, 0}, {odds, 1, 1}, {odds, 0.5, 0.05 / 0.55},
		{knots, 0, 0.1}, {knots, 0.2, 0.1}, {knots, 0.3, 0.1}, {knots, 0.6, 0.3}, {knots, 0.8, 0.5}, {knots, 1, 0.5},
	}
	for _, c := range cases {
		if got := c.c.apply(c.p); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%+v of %v is %v, expected %v", c.c, c.p, got, c.want)
		}
	}
	for _, c := range []*Calibration{nil, odds, knots} {
		if !math.IsNaN(c.apply(math.NaN())) {
			t.Errorf("%+v mapped NaN to a number", c)
		}
	}
}

func TestParseManifest(t *testing.T) {
	good := `{"manifest_version":1,"data_day":"2026-03-01","threshold":0.5,"calibration":{"kind":"odds","factor":0.2},"metrics":{}}`
	m, err := parseManifest([]byte(good))
	if err != nil || m.DataDay != "2026-03-01" || *m.Threshold != 0.5 || m.Calibration.Factor != 0.2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if m, err := parseManifest([]byte(`{"manifest_version":1,"data_day":"2026-03-01"}`)); err != nil || m.Calibration != nil {
		t.Fatalf("a manifest without calibration: %+v, %v", m, err)
	}
	for body, want := range map[string]string{
		`{`: "invalid manifest",
		`{"manifest_version":2,"data_day":"2026-03-01"}`:                                                              "manifest_version is 2",
		`{"manifest_version":1}`:                                                                                      "data_day is missing",
		`{"manifest_version":1,"data_day":"d","threshold":1.5}`:                                                       "threshold is 1.5",
		`{"manifest_version":1,"data_day":"d","calibration":{"kind":"platt"}}`:                                        `"platt"`,
		`{"manifest_version":1,"data_day":"d","calibration":{"kind":"odds"}}`:                                         "factor is 0",
		`{"manifest_version":1,"data_day":"d","calibration":{"kind":"isotonic","x":[1],"y":[]}}`:                      "1 x and 0 y",
		`{"manifest_version":1,"data_day":"d","calibration":{"kind":"isotonic","x":[0.1,0.1],"y":[0,1]}}`:             "x must increase",
		`{"manifest_version":1,"data_day":"d","calibration":{"kind":"isotonic","x":[0.1,0.2,0.3],"y":[0.1,0.3,0.2]}}`: "knot 2",
	} {
		if _, err := parseManifest([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %q", body, err, want)
		}
	}
}
