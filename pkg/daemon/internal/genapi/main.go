// Command genapi writes docs/openapi.json, from the module's root.
package main

import (
	"fmt"
	"os"

	"github.com/datagravity/datagravity/pkg/daemon"
)

func main() {
	b, _, err := daemon.OpenAPI()
	if err == nil {
		err = os.WriteFile("docs/openapi.json", b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "genapi:", err)
		os.Exit(1)
	}
}
