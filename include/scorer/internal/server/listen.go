package server

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"leapline/scorer/internal/signature"
)

// Config contains the settings of Run.
type Config struct {
	Bundle          string
	Trust           *signature.Trust // what the bundle has to satisfy; nil for nothing
	Address         string           // host:port
	Settings        Settings
	ShutdownTimeout time.Duration // for requests in progress at shutdown
	Started         time.Time     // when the process started
	LogLevel        slog.Level
	Log             *slog.Logger
}

// Run serves until ctx is done, then completes the requests in progress. It listens before it loads the model, so that a
// port in use is reported at once and probes reach a live process that is not ready.
func Run(ctx context.Context, c Config) error {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another address with --addr", c.Address, rootCause(err))
	}
	s := New(c.Settings, c.Log)
	listener = limitConnections(listener, c.Settings.Connections, &s.metrics)
	web := NewHTTPServer(s, c.Log)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	c.Log.Info("start", "address", listener.Addr().String(), "version", Version)
	model, err := LoadTrusted(c.Bundle, c.Trust)
	if err != nil {
		_ = web.Close() // no request has been served yet
		return err
	}
	s.Publish(model)
	c.Log.Info("ready", "model", model.ID, "load_ms", milliseconds(model.LoadTime), "since_start_ms", milliseconds(time.Since(c.Started)))
	// Later, because clients that waited for the model send their requests now.
	tuning := time.AfterFunc(time.Second, s.TuneMemory)
	defer tuning.Stop()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return s.shutdown(web, c)
}

// shutdown ends readiness and waits for the requests in progress.
func (s *Server) shutdown(web *http.Server, c Config) error {
	s.Drain()
	c.Log.Info("shutdown", "in_flight", s.metrics.inFlight.Load())
	ctx, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		_ = web.Close()
		return fmt.Errorf("requests were still in progress after %v", c.ShutdownTimeout)
	}
	c.Log.Info("stopped")
	return nil
}

// NewHTTPServer returns the net/http server of the scorer. It serves plain HTTP; a proxy or the platform terminates TLS.
func NewHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than that of load balancers, so that they close first
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(serverErrors{log}, "", 0),
	}
}

// serverErrors logs the errors that net/http reports, except for their details, which contain the client's address and may
// contain content of the request. Errors of the listening socket are logged completely.
type serverErrors struct{ log *slog.Logger }

// Write logs one error.
func (e serverErrors) Write(text []byte) (int, error) {
	message := strings.TrimSpace(string(text))
	if !strings.HasPrefix(message, "http: Accept error: ") {
		words := strings.Fields(message)
		message = strings.Join(words[:min(3, len(words))], " ")
	}
	e.log.Warn("HTTP server error", "error", message)
	return len(text), nil
}

// rootCause returns the innermost error, such as "address already in use".
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1e3
}
