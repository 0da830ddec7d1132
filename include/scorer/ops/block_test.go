package ops_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/bitslice"
	bt "leapline/scorer/internal/bundletest"
)

var ensembles = []string{"random_forest_classifier", "gbt_classifier", "random_forest_regression", "gbt_regression"}

// planOf compiles stages, with all columns that they compute.
func planOf(t *testing.T, stages []bt.Stage) *engine.Plan {
	t.Helper()
	archive, err := bundle.Read("model.zip", bt.Zip(t, "protobuf", nil, stages...), bundle.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(archive)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := program.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// setRandom sets the inputs of a row.
func setRandom(t *testing.T, random *rand.Rand, plan *engine.Plan, r *engine.Row) {
	t.Helper()
	r.Reset()
	for i, c := range plan.Inputs() {
		var err error
		special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0.125}
		switch {
		case c.Name == "colour":
			err = r.SetText(i, []string{"red", "green", "blue", "violet"}[random.IntN(4)])
		case random.IntN(9) == 0 && c.Name != "x0":
			err = r.SetDouble(i, special[random.IntN(len(special))])
		default:
			err = r.SetDouble(i, random.NormFloat64())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// outputs returns all outputs of a row, with the bits of numbers.
func outputs(plan *engine.Plan, r *engine.Row) string {
	var list []any
	for k, c := range plan.Outputs() {
		if c.Width == 0 {
			list = append(list, math.Float64bits(r.Double(k)))
			continue
		}
		for _, x := range r.Vector(k) {
			list = append(list, math.Float64bits(x))
		}
	}
	return fmt.Sprint(list...)
}

func TestBlocksEqualRows(t *testing.T) {
	for _, op := range ensembles {
		for _, trees := range []int{1, 21, 32} {
			bt.EachLevel(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(7, uint64(trees)))
				plan := planOf(t, bt.Forest(random, op, 5, trees, 6))
				block, row := plan.NewBlock(), plan.NewRow()
				for _, n := range []int{engine.BlockRows, 15, 100, 3, 511} {
					var saved []*engine.SavedInputs
					for i := range min(n, block.Capacity()) {
						setRandom(t, random, plan, block.Row(i))
						saved = append(saved, block.Row(i).Save())
					}
					if done, err := block.Run(len(saved)); done != len(saved) || err != nil {
						t.Fatalf("%s: %d of %d rows, %v", op, done, len(saved), err)
					}
					for i, inputs := range saved {
						row.Load(inputs)
						if err := row.Run(); err != nil {
							t.Fatal(err)
						}
						if got, want := outputs(plan, block.Row(i)), outputs(plan, row); got != want {
							t.Fatalf("%s, %d trees, row %d of %d: %s, expected %s", op, trees, i, n, got, want)
						}
					}
				}
				if got := block.Capacity() == engine.BlockRows; got != (bitslice.Selected() != bitslice.None) {
					t.Errorf("%s, %d trees: %d rows per block", op, trees, block.Capacity())
				}
			})
		}
	}
}

// TestBlocksStopAtTheFirstInvalidRow has rows that fail in the stage before the ensemble.
func TestBlocksStopAtTheFirstInvalidRow(t *testing.T) {
	bt.EachLevel(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(7, 8))
		plan := planOf(t, bt.Forest(random, "random_forest_classifier", 5, 24, 6))
		x0 := slices.IndexFunc(plan.Inputs(), func(c engine.Column) bool { return c.Name == "x0" })
		for _, invalid := range []int{0, 1, 17, 63, 64, 299} {
			block, row := plan.NewBlock(), plan.NewRow()
			for i := range 300 {
				setRandom(t, random, plan, block.Row(i))
				if i >= invalid && i%2 == invalid%2 {
					block.Row(i).SetNull(x0)
				}
			}
			row.Load(block.Row(invalid).Save())
			want := row.Run()
			done, err := block.Run(300)
			if done != invalid || err == nil || want == nil || err.Error() != want.Error() {
				t.Fatalf("%d rows and %v, expected %d and %v", done, err, invalid, want)
			}
			for i := range done {
				got := outputs(plan, block.Row(i))
				row.Load(block.Row(i).Save())
				if err := row.Run(); err != nil || got != outputs(plan, row) {
					t.Fatalf("row %d: %s, expected %s, %v", i, got, outputs(plan, row), err)
				}
			}
		}
	})
}

// TestBlocksStopAtTheFirstMissingVector has rows without the vector that the ensemble reads.
func TestBlocksStopAtTheFirstMissingVector(t *testing.T) {
	for _, op := range ensembles {
		bt.EachLevel(t, func(t *testing.T) {
			stages := bt.Forest(rand.New(rand.NewPCG(9, 8)), op, 5, 24, 6)
			plan := planOf(t, stages[2:])
			for _, missing := range []int{0, 1, 63, 199} {
				block := plan.NewBlock()
				for i := range 200 {
					block.Row(i).Reset()
					if i < missing || i%2 != missing%2 {
						if err := block.Row(i).SetVector(0, []float64{1, 0.5, -1, 2, 0, math.NaN()}); err != nil {
							t.Fatal(err)
						}
					}
				}
				done, err := block.Run(200)
				if want := fmt.Sprintf(`stage forest (%s): column "features" is missing`, op); done != missing || err == nil || err.Error() != want {
					t.Fatalf("%d rows and %v, expected %d and %s", done, err, missing, want)
				}
			}
		})
	}
}
