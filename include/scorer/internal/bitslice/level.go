package bitslice

import (
	"fmt"
	"slices"
	"strings"
)

// Level is a set of vector instructions.
type Level int

// Levels, in ascending order.
const (
	None   Level = iota // rows are evaluated one by one
	AVX2                // x86-64 processors from about 2013 on
	AVX512              // with the extensions F, BW and DQ: servers from about 2017 on
)

var levelNames = []string{None: "none", AVX2: "avx2", AVX512: "avx512"}

func (l Level) String() string { return levelNames[l] }

// Best returns the highest level that the processor and the operating system support.
func Best() Level { return best }

// ParseLevel returns the level with a name, or Best for "". It is an error if this machine does not support the level.
func ParseLevel(name string) (Level, error) {
	if name == "" {
		return best, nil
	}
	l := Level(slices.Index(levelNames, name))
	switch {
	case l < 0:
		return None, fmt.Errorf("found %q, expected one of %s", name, strings.Join(levelNames, ", "))
	case l > best:
		return None, fmt.Errorf("found %q, but this machine supports only %s", name, best)
	}
	return l, nil
}

// selected is the level that forests use.
var selected = best

// Selected returns the level that forests use: Best, unless Select has been called.
func Selected() Level { return selected }

// Select sets the level that forests use. It must not be called while forests are evaluated.
func Select(l Level) { selected = l }
