package main

import (
	"flag"
	"io"

	"leapline/scorer/internal/server"
)

// runScore scores the sessions on stdin and writes the response of POST /v1/score.
func runScore(args []string, stdin io.Reader, stdout io.Writer) error {
	operands, err := parse(flag.NewFlagSet("score", flag.ContinueOnError), args, 1)
	if err != nil {
		return err
	}
	model, err := server.Load(operands[0])
	if err != nil {
		return err
	}
	body, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	out, err := server.Score(model, body)
	if err != nil {
		return err
	}
	_, err = stdout.Write(out)
	return err
}
