// Command linearizability checks whether histories of concurrent calls about the champion and the ledger could have
// happened one after the other, each call at one moment between its beginning and its end.
//
//	linearizability HISTORY.jsonl
//
// It prints the seeds of the histories that could not, and exits with status 1 if there is one.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const patience = 20 * time.Second

// call is one line of a history; see history.py.
type call struct {
	Seed   int    `json:"seed"`
	Lake   string `json:"lake"`
	Client string `json:"client"`
	Op     string `json:"op"`
	Input  input  `json:"input"`
	Output output `json:"output"`
	Call   int64  `json:"call"`
	Return int64  `json:"return"`
}

type input struct {
	Digest    *string  `json:"digest"`
	Run       string   `json:"run"`
	Expected  *string  `json:"expected_current"`
	To        *string  `json:"to"`
	Intent    *intent  `json:"intent"`
	Overwrote *string  `json:"overwrote"`
	Tampered  bool     `json:"tampered"`
	Champion  *string  `json:"champion"`
	Previous  *string  `json:"previous"`
	Entries   []string `json:"entries"`
}

// intent is the move that a call has written down, and a later one completes if it cannot; without it, it has no effect.
type intent struct {
	Before *string `json:"before"`
	After  *string `json:"after"`
}

type output struct {
	Kind       string   `json:"kind"`
	Champion   *string  `json:"champion"`
	IsChampion bool     `json:"is_champion"`
	Why        string   `json:"why"`
	Entries    []string `json:"entries"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: linearizability HISTORY.jsonl")
		os.Exit(2)
	}
	histories, order, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	calls, failed := 0, 0
	for _, seed := range order {
		calls += len(histories[seed])
		for _, object := range objectsOf(histories[seed]) {
			if result := object.check(); result != porcupine.Ok {
				failed++
				fmt.Printf("seed %d: %s is not linearizable (%s)\n", seed, object.name, result)
			}
		}
	}
	fmt.Printf("%d histories with %d calls, %d objects not linearizable\n", len(order), calls, failed)
	if failed > 0 || len(order) == 0 {
		os.Exit(1)
	}
}

// read returns the calls of each seed, and the seeds in the order of the file.
func read(path string) (map[int][]call, []int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }()
	histories, order := map[int][]call{}, []int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for number := 1; lines.Scan(); number++ {
		var next call
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return nil, nil, fmt.Errorf("%s, line %d: %w", path, number, err)
		}
		if _, ok := histories[next.Seed]; !ok {
			order = append(order, next.Seed)
		}
		histories[next.Seed] = append(histories[next.Seed], next)
	}
	return histories, order, lines.Err()
}
