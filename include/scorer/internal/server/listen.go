package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// Config is what Run needs.
type Config struct {
	Bundle          string
	Address         string // host:port
	MaxBody         int64
	ShutdownTimeout time.Duration // for requests under way when told to stop
	Started         time.Time     // of the process
	Log             *slog.Logger
}

// Run serves until ctx ends, then finishes what is under way. It listens before it loads, so that a taken port shows at
// once and a probe sees a live process that is not ready.
func Run(ctx context.Context, c Config) error {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; --addr chooses another", c.Address, rootCause(err))
	}
	s := New(c.MaxBody, c.Log)
	web := NewHTTPServer(s, c.Log)
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	c.Log.Info("start", "address", listener.Addr().String(), "version", Version)
	model, err := Load(c.Bundle)
	if err != nil {
		_ = web.Close() // nothing was served yet
		return err
	}
	s.Publish(model)
	c.Log.Info("ready", "model", model.ID, "load_ms", milliseconds(model.LoadTime), "since_start_ms", milliseconds(time.Since(c.Started)))
	// Not now, when those wait who waited for the model.
	settling := time.AfterFunc(time.Second, Settle)
	defer settling.Stop()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	return s.stop(web, c)
}

func (s *Server) stop(web *http.Server, c Config) error {
	s.Drain()
	c.Log.Info("shutdown", "in_flight", s.metrics.inFlight.Load())
	ctx, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		_ = web.Close() // what is still under way has had its time
		return fmt.Errorf("requests were still under way after %v", c.ShutdownTimeout)
	}
	c.Log.Info("stopped")
	return nil
}

// NewHTTPServer is the net/http server that the scorer runs behind: plain HTTP, for a proxy or a platform to end TLS.
func NewHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than load balancers keep theirs, so that they close first
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Settle fits the garbage collector to the loaded model and gives back what loading used.
//
// Go's default (GOGC=100) collects whenever garbage equals what is live: with a small model once for every 4 MB of
// requests' garbage, dozens of times a second under load, each a little latency. So a small model gets more room,
// garbageRoom, but at most 3 times what is live, which keeps a process with a model of 5 MB under 40 MB; a model larger
// than garbageRoom gets Go's default. Whoever sets GOGC or GOMEMLIMIT is left alone.
func Settle() {
	if collectorIsSet() {
		return
	}
	debug.FreeOSMemory() // collects first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetGCPercent(int(min(300, max(100, garbageRoom*100/m.HeapAlloc))))
}

const garbageRoom = 16 << 20

// Hasten makes the garbage collector wait, until Settle: loading makes little garbage, and to look for it takes a tenth
// of a start.
func Hasten() {
	if !collectorIsSet() {
		debug.SetGCPercent(400)
	}
}

// collectorIsSet says whether whoever started the process has set the garbage collector.
func collectorIsSet() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

// rootCause is the innermost error, such as "address already in use".
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
