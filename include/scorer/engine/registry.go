package engine

import (
	"fmt"
	"slices"
	"strings"

	"leapline/scorer/bundle"
)

// Builder compiles one stage: it reads the model's attributes, binds ports to columns and gives the work of one row.
// What is wrong it leaves in the stage (Stage.Fail), which makes the rest harmless; it may then return nil.
type Builder func(s *Stage) Step

// Step is the work of one stage on one row. It must not allocate unless it fails, and must not change itself.
type Step interface {
	Run(r *Row) error
}

var registry = map[string]Builder{}

// Register adds an op under the name that model files give it. It panics when the name is taken.
func Register(op string, build Builder) {
	if registry[op] != nil {
		panic("engine: op " + op + " is registered twice")
	}
	registry[op] = build
}

// Ops lists the registered ops, sorted.
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
		"unknown op %.80q; known are pipeline, %s; to add one, register it in a Go file of the ops package (see ops/log1p_scaler.go)",
		m.Op, strings.Join(Ops(), ", "))}
}
