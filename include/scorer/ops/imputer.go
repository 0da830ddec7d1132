package ops

import (
	"math"

	"leapline/scorer/engine"
)

// imputer replaces null and the missing value, by default NaN, with the surrogate. If the missing value is not NaN, NaN is
// unchanged as in Spark; MLeap replaces it too. A surrogate of NaN, in JSON null, makes NaN of null.
func init() { engine.Register("imputer", newImputer) }

type imputer struct {
	in                 engine.Number
	out                engine.NumberOut
	surrogate, missing float64
}

func newImputer(s *engine.Stage) engine.Step {
	t := imputer{
		in: s.Number("input", true), out: s.NewNumber("output"),
		surrogate: s.FloatOrNull("surrogate_value"), missing: math.NaN(),
	}
	if s.Has("missing_value") {
		t.missing = s.FloatOrNull("missing_value")
	}
	s.Describe("%s %v", s.String("strategy"), t.surrogate)
	return t
}

func (t imputer) Run(r *engine.Row) error {
	x, null, err := t.in.GetNullable(r)
	if err != nil {
		return err
	}
	if null || x == t.missing || (x != x && t.missing != t.missing) {
		x = t.surrogate
	}
	t.out.Set(r, x)
	return nil
}
