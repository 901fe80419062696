// Command tools builds the programs named on its command line into the cache folder, for make.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/datagravity/datagravity/internal/emulator"
)

func main() {
	var tools []emulator.Tool
	for _, arg := range os.Args[1:] {
		t, err := emulator.ParseTool(arg)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		tools = append(tools, t)
	}
	if err := emulator.Ensure(context.Background(), tools...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
