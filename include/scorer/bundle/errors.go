package bundle

import (
	"errors"
	"fmt"
)

var (
	errUnsafePath  = errors.New("leaves the archive or is not a plain path")
	errNoOp        = errors.New("has no op")
	errEmptySocket = errors.New("binds a port or a column without a name")
)

func errDuplicatePort(port string) error { return fmt.Errorf("binds port %.200q twice", port) }
