package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// health asks a running scorer on this machine whether it is ready: the health check of an image that has no shell and
// no curl. Where it listens is found as serve finds it.
func health(args []string) error {
	address := "127.0.0.1:8080"
	if port := os.Getenv("PORT"); port != "" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	flags.StringVar(&address, "addr", address, "")
	if _, err := parse(flags, args, 0); err != nil {
		return err
	}
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + address + "/readyz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
		return fmt.Errorf("not ready: %s: %s", answer.Status, body)
	}
	return nil
}
