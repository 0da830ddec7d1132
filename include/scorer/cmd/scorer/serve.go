package main

// The image's command is ENTRYPOINT ["/scorer", "serve", "/model.zip"] with PORT=8080 in its environment, and no CMD.
// SageMaker starts it as `docker run IMAGE serve`, which puts one more "serve" at the end: it is taken and means nothing.
// Cloud Run sets its own PORT; Kubernetes and `docker run` set nothing; Lambda sets AWS_LAMBDA_RUNTIME_API, and then no
// port is opened.

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"leapline/scorer/internal/lambda"
	"leapline/scorer/internal/server"
)

// started is as near to the process's start as Go code gets.
var started = time.Now()

// usageError is a mistake in the arguments.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// serve runs the HTTP server, or Lambda's loop where AWS_LAMBDA_RUNTIME_API is set, until SIGTERM or SIGINT.
func serve(args []string, stderr io.Writer) error {
	config, err := serveConfig(args, os.Getenv)
	if err != nil {
		return err
	}
	config.Started = started
	server.RelaxGC()
	config.Log = slog.New(slog.NewJSONHandler(stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		return serveLambda(ctx, api, config)
	}
	return server.Run(ctx, config)
}

// serveConfig reads the arguments. The address is --addr, else every address at PORT, else loopback at 8080.
func serveConfig(args []string, getenv func(string) string) (server.Config, error) {
	c := server.Config{Address: "127.0.0.1:8080"}
	if port := getenv("PORT"); port != "" {
		c.Address = ":" + port
	}
	if last := len(args) - 1; last > 0 && args[last] == "serve" {
		args = args[:last]
	}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&c.Address, "addr", c.Address, "")
	flags.Int64Var(&c.MaxBody, "max-body", server.DefaultMaxBody, "")
	flags.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 10*time.Second, "")
	rest, err := parse(flags, args, 1)
	if err != nil {
		return c, err
	}
	if c.MaxBody <= 0 || c.ShutdownTimeout <= 0 {
		return c, &usageError{"--max-body and --shutdown-timeout must be more than 0\n" + usage}
	}
	c.Bundle = rest[0]
	return c, nil
}

// serveLambda loads the model and answers invocations. A model that does not load is reported to Lambda first.
func serveLambda(ctx context.Context, api string, c server.Config) error {
	s := server.New(c.MaxBody, c.Log)
	runtime := lambda.New(api, s, c.Log)
	model, err := server.Load(c.Bundle)
	if err != nil {
		if reported := runtime.InitError(ctx, err); reported != nil {
			c.Log.Error("the failure could not be reported to Lambda", "error", reported.Error())
		}
		return err
	}
	s.Publish(model)
	c.Log.Info("ready", "model", model.ID, "lambda", true, "since_start_ms", float64(time.Since(started).Microseconds())/1e3)
	server.TuneGC()
	concurrency, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY")) // Lambda Managed Instances only
	if err != nil || concurrency < 1 {
		concurrency = 1
	}
	return runtime.Run(ctx, concurrency)
}
