package server

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
)

// Manifest contains the fields of leapline/manifest.json, version 1, that the scorer uses.
type Manifest struct {
	Version     int          `json:"manifest_version"`
	DataDay     string       `json:"data_day"`
	Threshold   *float64     `json:"threshold"`
	Calibration *Calibration `json:"calibration"`
	Items       *struct {
		Calibration *Calibration `json:"calibration"`
	} `json:"items"`
}

// Calibration maps a classifier's score of class 1 to a calibrated probability:
//
//   - odds: corrects for a balanced training sample by scaling the odds, f*p / (f*p + 1-p);
//   - isotonic: interpolates linearly between the knots (x, y) and is constant beyond the first and the last.
//
// A nil Calibration is the identity.
type Calibration struct {
	Kind   string    `json:"kind"`
	Factor float64   `json:"factor"`
	X      []float64 `json:"x"`
	Y      []float64 `json:"y"`
}

// parseManifest reads and checks a manifest.
func parseManifest(data []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("invalid manifest: %w", err)
	}
	if m.Version != 1 {
		return nil, fmt.Errorf("manifest_version is %d, expected 1", m.Version)
	}
	if m.DataDay == "" {
		return nil, fmt.Errorf("data_day is missing")
	}
	if m.Threshold != nil && !(*m.Threshold >= 0 && *m.Threshold <= 1) {
		return nil, fmt.Errorf("threshold is %v, expected 0 to 1", *m.Threshold)
	}
	if m.Items != nil {
		if err := m.Items.Calibration.check(); err != nil {
			return nil, fmt.Errorf("items: %w", err)
		}
	}
	return m, m.Calibration.check()
}

func (c *Calibration) check() error {
	switch {
	case c == nil:
		return nil
	case c.Kind == "odds":
		if !(c.Factor > 0) || math.IsInf(c.Factor, 0) {
			return fmt.Errorf("calibration: factor is %v, expected a finite number above 0", c.Factor)
		}
		return nil
	case c.Kind == "isotonic":
		return c.checkKnots()
	}
	return fmt.Errorf("calibration: kind is %q, expected odds or isotonic", c.Kind)
}

func (c *Calibration) checkKnots() error {
	if len(c.X) == 0 || len(c.X) != len(c.Y) {
		return fmt.Errorf("calibration: found %d x and %d y, expected equal numbers, at least 1", len(c.X), len(c.Y))
	}
	for i := range c.X {
		if i > 0 && !(c.X[i] > c.X[i-1] && c.Y[i] >= c.Y[i-1]) {
			return fmt.Errorf("calibration: x must increase and y must not decrease at knot %d", i)
		}
	}
	return nil
}

// apply returns the calibrated probability for p; NaN stays NaN.
func (c *Calibration) apply(p float64) float64 {
	if c == nil || math.IsNaN(p) {
		return p
	}
	if c.Kind == "odds" {
		return c.Factor * p / (c.Factor*p + 1 - p)
	}
	last := len(c.X) - 1
	i := sort.SearchFloat64s(c.X, p) // first knot at or above p
	switch {
	case i == 0:
		return c.Y[0]
	case i > last:
		return c.Y[last]
	}
	fraction := (p - c.X[i-1]) / (c.X[i] - c.X[i-1])
	return c.Y[i-1] + fraction*(c.Y[i]-c.Y[i-1])
}
