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

// health checks whether a scorer on this machine is ready. It is the health check of an image without shell and curl. It
// determines the scorer's address as serve does.
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
	response, err := client.Get("http://" + address + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return fmt.Errorf("not ready: %s: %s", response.Status, body)
	}
	return nil
}
