// The Distribution registry with what Leapline uses of it: images in a folder, and users in an htpasswd file.
//
// Distribution's own program has the clients of three clouds compiled in, which are two thirds of its source code.
package main

import (
	"os"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

func main() {
	if err := registry.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
