package ops_test

import (
	"fmt"
	"math"
	"testing"

	bt "leapline/scorer/internal/bundletest"
)

// sparkCase is a model fitted by Spark, with Spark's outputs for some rows.
type sparkCase struct {
	Op       string
	Features int
	Attrs    struct {
		Coefficients        []float64
		Intercept           float64
		CoefficientMatrix   *sparkMatrix `json:"coefficient_matrix"`
		InterceptVector     []float64    `json:"intercept_vector"`
		PrincipalComponents sparkMatrix  `json:"principal_components"`
		ModelType           string       `json:"model_type"`
		Pi                  []float64
		Theta, Sigma        sparkMatrix
		Weights             []float64
		Means               [][]float64
		Covs                []sparkMatrix
	}
	Rows [][]float64
	Want map[string][]any
}

// sparkMatrix is a matrix whose values are stored column by column.
type sparkMatrix struct {
	Rows   int
	Values []float64
}

func (m sparkMatrix) tensor() bt.Tensor {
	if m.Rows == 0 {
		return bt.Tensor{Dims: []int{0, 0}}
	}
	return matrix(m.Rows, m.Values...)
}

func (c *sparkCase) stage() bt.Stage {
	a := c.Attrs
	out := attrs{}
	switch c.Op {
	case "logistic_regression":
		out["num_classes"] = bt.Long(2)
		if a.CoefficientMatrix != nil {
			out = attrs{
				"num_classes": bt.Long(a.CoefficientMatrix.Rows), "coefficient_matrix": a.CoefficientMatrix.tensor(),
				"intercept_vector": tensor(a.InterceptVector...),
			}
			break
		}
		fallthrough
	case "linear_regression", "linear_svc":
		out["coefficients"], out["intercept"] = tensor(a.Coefficients...), a.Intercept
		if c.Op == "linear_svc" {
			out["num_classes"], out["threshold"] = bt.Long(2), 0.0
		}
	case "pca":
		return stage("pca", ports{"input", "x"}, ports{"output", "output"}, attrs{"principal_components": a.PrincipalComponents.tensor()})
	case "naive_bayes":
		out = attrs{
			"num_features": bt.Long(c.Features), "num_classes": bt.Long(len(a.Pi)), "model_type": a.ModelType,
			"pi": tensor(a.Pi...), "theta": a.Theta.tensor(), "sigma": a.Sigma.tensor(),
		}
	case "gaussian_mixture":
		var means, covs []bt.Tensor
		for i := range a.Means {
			means, covs = append(means, tensor(a.Means[i]...)), append(covs, a.Covs[i].tensor())
		}
		out = attrs{"weights": a.Weights, "means": means, "covs": covs}
	}
	every := ports{"raw_prediction", "raw_prediction", "probability", "probability", "prediction", "prediction"}
	return stage(c.Op, ports{"features", "x"}, every, out)
}

// TestModelsEqualSpark compares models that compute sums with Spark. Raw scores must be bitwise equal.
func TestModelsEqualSpark(t *testing.T) {
	var file struct{ Cases []sparkCase }
	decode(t, readFile(t, "testdata/spark.json"), &file)
	if len(file.Cases) < 20 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for i, c := range file.Cases {
		for _, format := range bt.Formats {
			t.Run(fmt.Sprintf("%d %s %s %s", i, c.Op, c.Attrs.ModelType, format), func(t *testing.T) {
				program, err := compileStages(format, t, c.stage())
				if err != nil {
					t.Fatal(err)
				}
				plan, err := program.Plan()
				if err != nil {
					t.Fatal(err)
				}
				row := plan.NewRow()
				for k, x := range c.Rows {
					if err := run(row, plan, cells{"x": x}); err != nil {
						t.Fatal(err)
					}
					for column, want := range c.Want {
						got := output(row, plan, column)
						if v, ok := got.(vec); ok {
							got = anys(v)
						}
						limit := 1e-12
						if column == "raw_prediction" && c.Attrs.ModelType == "" || column == "output" {
							limit = 0
						}
						if d := relativeDifference(got, want[k]); d > limit || math.IsNaN(d) {
							t.Errorf("row %d, %s: %v, Spark has %v, relative difference %.1e", k, column, got, want[k], d)
						}
					}
				}
			})
		}
	}
}

func anys(v vec) []any {
	out := []any{}
	for _, x := range v {
		out = append(out, x)
	}
	return out
}
