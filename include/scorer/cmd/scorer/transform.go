package main

import (
	"flag"
	"fmt"
	"io"

	"leapline/scorer/transform"
)

// runTransform scores the leap frame on stdin and writes all of its columns, followed by the model's, like MLeap.
func runTransform(args []string, stdin io.Reader, stdout io.Writer) error {
	operands, err := parse(flag.NewFlagSet("transform", flag.ContinueOnError), args, 1)
	if err != nil {
		return err
	}
	_, program, err := load(operands[0])
	if err != nil {
		return err
	}
	body, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	t, err := transform.New(program)
	if err != nil {
		return err
	}
	out, _, err := t.Append(nil, body)
	if err != nil {
		return fmt.Errorf("leap frame on stdin: %w", err)
	}
	_, err = stdout.Write(append(out, '\n'))
	return err
}
