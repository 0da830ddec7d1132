// Command cleaner does the work of a task of `leapline extract` or `leapline featurize`: it reads frames from standard input and
// writes frames to standard output (see internal/frames). Its argument is the stage (see internal/stages), or
// "version".
package main

import (
	"fmt"
	"os"

	"leapline/cleaner/internal/stages"
)

// Version is Leapline's; set when the program is linked.
var Version = "unknown"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "cleaner: expected the name of a stage")
		os.Exit(2)
	}
	if os.Args[1] == "version" {
		fmt.Println(Version)
		return
	}
	if err := stages.Run(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cleaner:", err)
		os.Exit(1)
	}
}
