// Command scorer serves a Bundle.ML model over HTTP, and scores, inspects and measures bundles offline.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"leapline/scorer/bundle"
	"leapline/scorer/engine"
	"leapline/scorer/internal/bitslice"
	"leapline/scorer/internal/server"
	_ "leapline/scorer/ops"
)

const usage = `usage: scorer serve [--addr HOST:PORT] [--max-body SIZE] [--max-memory SIZE] [--max-connections N]
                    [--shutdown-timeout DURATION] [--access-log] [--log-level LEVEL]
                    [--cors-origins ORIGINS] [--public-keys PEM|FILE] [--max-model-age DAYS]
                    [--min-data-day YYYY-MM-DD] BUNDLE
                                                   serve a model over HTTP
       scorer health [--addr HOST:PORT]            check whether a scorer on this machine is ready
       scorer score BUNDLE < SESSIONS > SCORES     score sessions like POST /v1/score
       scorer transform BUNDLE < FRAME > FRAME     score a leap frame
       scorer inspect BUNDLE [--json]              print stages, sizes and schema
       scorer bench BUNDLE FRAME                   measure the model in process, print a JSON object
       scorer version                              print the version
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes a command and returns the exit code: 0, 1 for a failure, 2 for invalid arguments.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := dispatch(args, stdin, stdout, stderr)
	var usageErr *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usageErr):
		fmt.Fprint(stderr, usageErr.text)
		return 2
	}
	fmt.Fprintln(stderr, "scorer:", oneLine(err.Error()))
	return 1
}

func dispatch(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return &usageError{usage}
	}
	if err := selectInstructions(os.Getenv(instructionsVariable)); err != nil {
		return err
	}
	switch args[0] {
	case "serve":
		return serve(args[1:], stderr)
	case "health":
		return health(args[1:])
	case "score":
		return runScore(args[1:], stdin, stdout)
	case "transform":
		return runTransform(args[1:], stdin, stdout)
	case "inspect":
		return runInspect(args[1:], stdout)
	case "bench":
		return runBench(args[1:], stdout)
	case "version", "--version":
		_, err := fmt.Fprintln(stdout, server.Version)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	}
	return &usageError{fmt.Sprintf("unknown command %q\n%s", args[0], usage)}
}

// instructionsVariable names the vector instructions for many rows: none, avx2 or avx512. By default they are the best ones of
// this machine.
const instructionsVariable = "SCORER_SIMD"

func selectInstructions(name string) error {
	level, err := bitslice.ParseLevel(name)
	if err != nil {
		return &usageError{fmt.Sprintf("environment variable %s: %v\n", instructionsVariable, err)}
	}
	bitslice.Select(level)
	return nil
}

// parse parses flags, which may precede or follow the arguments, and returns exactly want arguments.
func parse(flags *flag.FlagSet, args []string, want int) ([]string, error) {
	flags.SetOutput(io.Discard)
	var operands []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, &usageError{fmt.Sprintf("%v\n%s", err, usage)}
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		operands, args = append(operands, args[0]), args[1:]
	}
	if len(operands) != want {
		return nil, &usageError{usage}
	}
	return operands, nil
}

// load opens and compiles a bundle.
func load(path string) (*bundle.Archive, *engine.Program, error) {
	archive, err := bundle.Open(path, bundle.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	program, err := engine.Compile(archive)
	return archive, program, err
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
