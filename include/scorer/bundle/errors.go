package bundle

import (
	"errors"
	"fmt"
)

var (
	errUnsafePath  = errors.New("leaves the archive or is not a plain path")
	errNoOp        = errors.New("the model has no op")
	errEmptySocket = errors.New("a port or column has no name")
)

func errDuplicatePort(port string) error { return fmt.Errorf("port %.200q is bound twice", port) }
