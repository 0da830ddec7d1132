package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"leapline/scorer/internal/server"
)

// serveChild runs both servers until standard input is closed. It prints their addresses as one line of JSON.
func serveChild(bundle string, body []byte) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	model, err := server.Load(bundle)
	if err != nil {
		return err
	}
	scorer := server.New(server.Settings{Limits: server.DefaultLimits()}, log)
	scorer.Publish(model)
	var addresses children
	if addresses.Scorer, err = listen(server.NewHTTPServer(scorer, log)); err != nil {
		return err
	}
	response, err := fetch("http://"+addresses.Scorer+"/v1/predict", body)
	if err != nil {
		return err
	}
	if addresses.Bare, err = listen(server.NewHTTPServer(bare(response), log)); err != nil {
		return err
	}
	scorer.TuneMemory()
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// bare returns the baseline: a handler that reads the body and writes a constant response.
func bare(response []byte) http.Handler {
	contentType := []string{"application/json"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header()["Content-Type"] = contentType
		_, _ = w.Write(response) // fails only if the client has disconnected
	})
}

func listen(web *http.Server) (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = web.Serve(listener) }() // ends with the process
	return listener.Addr().String(), nil
}

// children is the process that runs the servers.
type children struct {
	Scorer  string
	Bare    string
	command *exec.Cmd
	stdin   io.Closer
}

func startChild(o options) (*children, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &children{command: exec.Command(self, "-child", o.bundle, o.frame)}
	c.command.Stderr = os.Stderr
	stdin, err := c.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, c)
	}
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("the servers did not start: %w", err)
	}
	return c, nil
}

func (c *children) pid() int { return c.command.Process.Pid }

func (c *children) stop() {
	_ = c.stdin.Close()
	_ = c.command.Wait() // its errors are on standard error
}

// memory returns a process's current and peak resident memory from /proc; nil on systems without it.
func memory(pid int) map[string]int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	sizes := map[string]int{}
	for name, key := range map[string]string{"VmRSS:": "resident", "VmHWM:": "peak"} {
		_, rest, _ := strings.Cut(string(status), name)
		if fields := strings.Fields(rest); len(fields) > 0 {
			if kib, err := strconv.Atoi(fields[0]); err == nil {
				sizes[key] = kib << 10
			}
		}
	}
	return sizes
}
