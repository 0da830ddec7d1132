package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leapline/scorer/internal/server"
)

func TestServeArguments(t *testing.T) {
	plain := server.Config{Bundle: "m.zip", Address: "127.0.0.1:8080", MaxBody: server.DefaultMaxBody, ShutdownTimeout: 10 * time.Second}
	with := func(change func(*server.Config)) server.Config {
		c := plain
		change(&c)
		return c
	}
	for _, c := range []struct {
		args []string
		port string
		want server.Config
	}{
		{[]string{"m.zip"}, "", plain},
		{[]string{"m.zip", "serve"}, "", plain},
		{[]string{"m.zip"}, "9000", with(func(c *server.Config) { c.Address = ":9000" })},
		{[]string{"--addr", "[::1]:7", "m.zip"}, "9000", with(func(c *server.Config) { c.Address = "[::1]:7" })},
		{[]string{"serve"}, "", with(func(c *server.Config) { c.Bundle = "serve" })},
		{[]string{"m.zip", "--max-body=5", "--shutdown-timeout", "1m", "serve"}, "", with(func(c *server.Config) {
			c.MaxBody, c.ShutdownTimeout = 5, time.Minute
		})},
	} {
		got, err := serveConfig(c.args, func(name string) string {
			return map[string]string{"PORT": c.port}[name]
		})
		if err != nil || got != c.want {
			t.Errorf("%v: %+v, %v", c.args, got, err)
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"--what", "m.zip"}, {"--max-body", "0", "m.zip"}, {"--shutdown-timeout", "0s", "m.zip"}} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"serve"}, args...), nil, &out, &errs); code != 2 || !strings.Contains(errs.String(), "usage:") {
			t.Errorf("%v: code %d, %s", args, code, &errs)
		}
	}
}

func TestServeFailsWithOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cut := filepath.Join(t.TempDir(), "cut.zip")
	if err := os.WriteFile(cut, []byte("PK\x03\x04 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "--addr", taken.Addr().String(), cut},
		{"serve", "--addr", "127.0.0.1:0", cut},
		{"serve", "--addr", "127.0.0.1:0", filepath.Join(t.TempDir(), "none.zip")},
	} {
		var out, errs bytes.Buffer
		code := run(args, nil, &out, &errs)
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		last := lines[len(lines)-1]
		if code != 1 || !strings.HasPrefix(last, "scorer: ") || strings.Count(errs.String(), "scorer: ") != 1 {
			t.Errorf("%v: code %d, %q", args, code, lines)
		}
	}
}
