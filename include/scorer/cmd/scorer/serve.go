package main

// The image has ENTRYPOINT ["/scorer", "serve", "/model.zip"], PORT=8080 in its environment, and no CMD. SageMaker starts
// it with `docker run IMAGE serve`, which appends a second "serve" that is ignored. Cloud Run sets PORT, Kubernetes and
// `docker run` set nothing, Lambda sets AWS_LAMBDA_RUNTIME_API and no port is opened.

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"leapline/scorer/internal/lambda"
	"leapline/scorer/internal/server"
	"leapline/scorer/internal/signature"
)

// started is when the process started, or shortly after.
var started = time.Now()

// usageError is an error in the command line's arguments.
type usageError struct{ text string }

// Error returns the message, with the usage.
func (e *usageError) Error() string { return e.text }

// serve runs the HTTP server, or the Lambda runtime if AWS_LAMBDA_RUNTIME_API is set, until SIGTERM or SIGINT.
func serve(args []string, stderr io.Writer) error {
	config, err := serveConfig(args, os.Getenv)
	if err != nil {
		return err
	}
	config.Started = started
	server.RelaxGC()
	config.Log = slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: config.LogLevel}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		return serveLambda(ctx, api, config)
	}
	return server.Run(ctx, config)
}

// serveConfig parses the arguments. The address is --addr, or all interfaces at PORT, or loopback at port 8080.
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
	c.Settings.Limits = server.DefaultLimits()
	setSize := func(to *int64) func(string) error {
		return func(text string) (err error) {
			*to, err = server.ParseSize(text)
			return err
		}
	}
	flags.Func("max-body", "", setSize(&c.Settings.Body))
	flags.Func("max-memory", "", setSize(&c.Settings.Memory))
	flags.IntVar(&c.Settings.Connections, "max-connections", c.Settings.Connections, "")
	flags.BoolVar(&c.Settings.AccessLog, "access-log", false, "")
	flags.Func("cors-origins", "", func(text string) error {
		c.Settings.AllowedOrigins = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	})
	flags.TextVar(&c.LogLevel, "log-level", slog.LevelInfo, "")
	flags.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 10*time.Second, "")
	trust := trustFlags(flags)
	if err := setFromEnvironment(flags, getenv); err != nil {
		return c, err
	}
	operands, err := parse(flags, args, 1)
	if err != nil {
		return c, err
	}
	if c.Settings.Body <= 0 || c.ShutdownTimeout <= 0 || c.Settings.Connections < 0 {
		return c, &usageError{"--max-body and --shutdown-timeout must be greater than 0, --max-connections at least 0\n" + usage}
	}
	c.Bundle = operands[0]
	c.Trust, err = trust()
	return c, err
}

// trustFlags defines the flags of signatures. The returned function returns what they require, nil without public keys.
func trustFlags(flags *flag.FlagSet) func() (*signature.Trust, error) {
	t := &signature.Trust{Now: time.Now()}
	flags.Func("public-keys", "", func(text string) (err error) {
		t.Keys, err = signature.ReadKeys(text)
		return err
	})
	flags.IntVar(&t.MaxAge, "max-model-age", 0, "")
	flags.Func("min-data-day", "", func(text string) error {
		_, err := time.Parse(time.DateOnly, text)
		t.MinDataDay = text
		return err
	})
	return func() (*signature.Trust, error) {
		if t.MaxAge < 0 {
			return nil, &usageError{"--max-model-age must be at least 0 days\n" + usage}
		}
		if len(t.Keys) > 0 {
			return t, nil
		}
		if t.MaxAge > 0 || t.MinDataDay != "" {
			return nil, &usageError{"--max-model-age and --min-data-day need --public-keys: without a signature, the data day proves nothing\n" + usage}
		}
		return nil, nil
	}
}

// setFromEnvironment sets flags from variables such as SCORER_MAX_MEMORY for --max-memory. Arguments override them.
func setFromEnvironment(flags *flag.FlagSet, getenv func(string) string) error {
	var failed error
	flags.VisitAll(func(f *flag.Flag) {
		name := "SCORER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" && f.Name != "addr" {
			if err := f.Value.Set(value); err != nil {
				failed = &usageError{fmt.Sprintf("environment variable %s: %v\n%s", name, err, usage)}
			}
		}
	})
	return failed
}

// serveLambda loads the model and answers invocations. It reports a model that does not load to Lambda.
func serveLambda(ctx context.Context, api string, c server.Config) error {
	s := server.New(c.Settings, c.Log)
	runtime := lambda.New(api, s, c.Log)
	model, err := server.LoadTrusted(c.Bundle, c.Trust)
	if err != nil {
		if reportErr := runtime.InitError(ctx, err); reportErr != nil {
			c.Log.Error("failed to report init error to Lambda", "error", reportErr.Error())
		}
		return err
	}
	s.Publish(model)
	c.Log.Info("ready", "model", model.ID, "lambda", true, "since_start_ms", float64(time.Since(started).Microseconds())/1e3)
	s.TuneMemory()
	concurrency, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY")) // Lambda Managed Instances only
	if err != nil || concurrency < 1 {
		concurrency = 1
	}
	return runtime.Run(ctx, concurrency)
}
