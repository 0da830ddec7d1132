package engine

import (
	"fmt"
	"slices"
	"strings"

	"leapline/scorer/bundle"
)

// Builder compiles one stage: it reads the model's attributes, binds ports to columns and returns the step that computes a
// row. It reports errors by Stage.Fail; all later calls on the stage then have no effect, and it may return nil.
type Builder func(s *Stage) Step

// Step computes one stage for one row. It must not allocate unless it fails, and must not modify itself.
type Step interface {
	// Run reads the step's inputs from the row and stores its outputs in the row.
	Run(r *Row) error
}

var registry = map[string]Builder{}

// Register adds an op under its name in model files. It panics if the name is already registered.
func Register(op string, build Builder) {
	if registry[op] != nil {
		panic("engine: op " + op + " is registered twice")
	}
	registry[op] = build
}

// Ops returns the sorted names of the registered ops.
func Ops() []string {
	ops := make([]string, 0, len(registry))
	for op := range registry {
		ops = append(ops, op)
	}
	slices.Sort(ops)
	return ops
}

func lookup(m *bundle.Model) (Builder, error) {
	if build := registry[m.Op]; build != nil {
		return build, nil
	}
	return nil, &bundle.Error{Entry: m.Entry, Err: fmt.Errorf(
		"unsupported op %.80q; supported are pipeline, %s; to add an op, register it in a Go file of the ops package (see examples/custom_transformer)",
		m.Op, strings.Join(Ops(), ", "))}
}
