package ops

import (
	"math"

	"leapline/scorer/engine"
)

// log1p_scaler computes output = log(1 + input) * scale. Attribute: scale (double). Ports: input -> output.
func init() { engine.Register("log1p_scaler", newLog1p) }

type log1p struct {
	in    engine.Number
	out   engine.NumberOut
	scale float64
}

func newLog1p(s *engine.Stage) engine.Step {
	return log1p{in: s.Number("input", false), out: s.NewNumber("output"), scale: s.Float("scale")}
}

// Run computes one row. It must not allocate.
func (t log1p) Run(r *engine.Row) error {
	x, err := t.in.Get(r)
	if err != nil {
		return err
	}
	t.out.Set(r, math.Log1p(x)*t.scale)
	return nil
}
