// Command search reads what was printed from its standard input and fails if a secret of the tests' is in it: of the emulators, or one that a test calls
// a canary.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/datagravity/datagravity/internal/canary"
	"github.com/datagravity/datagravity/internal/emulator"
)

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if found := canary.Find(text, canary.Secrets(append(emulator.Secrets(), "canary-of-", "canary-key", "canary-cred", "CaNaRy77")...)); found != "" {
		fmt.Fprintln(os.Stderr, found)
		os.Exit(1)
	}
	fmt.Printf("no secret in %d bytes\n", len(text))
}
