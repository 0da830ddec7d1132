package main

import (
	"flag"
	"fmt"
	"io"

	"leapline/scorer/transform"
)

// runTransform scores the leap frame on stdin and writes MLeap's answer: all of its columns, then the model's.
func runTransform(args []string, stdin io.Reader, stdout io.Writer) error {
	rest, err := parse(flag.NewFlagSet("transform", flag.ContinueOnError), args, 1)
	if err != nil {
		return err
	}
	_, program, err := load(rest[0])
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
		return fmt.Errorf("the leap frame: %w", err)
	}
	_, err = stdout.Write(append(out, '\n'))
	return err
}
