package server

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
)

// Manifest is what the scorer uses of leapline/manifest.json, version 1.
type Manifest struct {
	Version     int          `json:"manifest_version"`
	DataDay     string       `json:"data_day"`
	Threshold   *float64     `json:"threshold"`
	Calibration *Calibration `json:"calibration"`
	Items       *struct {
		Calibration *Calibration `json:"calibration"`
	} `json:"items"`
}

// Calibration maps a forest's probability of class 1 to one that can be believed:
//
//   - odds: the training sample was balanced, so the odds are scaled back, f*p / (f*p + 1-p);
//   - isotonic: linear between the knots (x, y), clamped to the first and the last.
//
// A nil Calibration changes nothing.
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
		return nil, fmt.Errorf("is not a manifest: %w", err)
	}
	if m.Version != 1 {
		return nil, fmt.Errorf("has manifest_version %d, expected 1", m.Version)
	}
	if m.DataDay == "" {
		return nil, fmt.Errorf("has no data_day")
	}
	if m.Threshold != nil && !(*m.Threshold >= 0 && *m.Threshold <= 1) {
		return nil, fmt.Errorf("has threshold %v, expected 0 to 1", *m.Threshold)
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
			return fmt.Errorf("has an odds calibration of factor %v, expected more than 0", c.Factor)
		}
		return nil
	case c.Kind == "isotonic":
		return c.checkKnots()
	}
	return fmt.Errorf("has calibration kind %q, expected odds or isotonic", c.Kind)
}

func (c *Calibration) checkKnots() error {
	if len(c.X) == 0 || len(c.X) != len(c.Y) {
		return fmt.Errorf("has an isotonic calibration of %d x and %d y, expected as many of both", len(c.X), len(c.Y))
	}
	for i := range c.X {
		if i > 0 && !(c.X[i] > c.X[i-1] && c.Y[i] >= c.Y[i-1]) {
			return fmt.Errorf("has an isotonic calibration that does not rise at knot %d", i)
		}
	}
	return nil
}

// apply gives the calibrated probability of p; NaN stays NaN.
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
	part := (p - c.X[i-1]) / (c.X[i] - c.X[i-1])
	return c.Y[i-1] + part*(c.Y[i]-c.Y[i-1])
}
