package daemon_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/datagravity/datagravity/pkg/daemon"
)

// A program asks the process that holds a state directory, as the commands do.
func ExampleDial() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "api.sock") // of a daemon that runs; here one that answers who it is
	l, err := daemon.Listen(socket)
	if err != nil {
		log.Fatal(err)
	}
	s := daemon.Serve(l, daemon.Options{Health: daemon.Health{Version: "v1.2.3", PID: 4242, Role: "daemon", Since: time.Unix(0, 0)}})
	defer s.Close()

	c, err := daemon.Dial(context.Background(), socket, "v1.2.3")
	if err != nil {
		log.Fatal(err) // errors.Is(err, daemon.ErrNobody): nobody holds it
	}
	fmt.Println(c.Health().Role, c.Health().Version)
	if _, err := c.Overview(context.Background()); err != nil {
		fmt.Println(err) // the same errors for errors.Is as they are for the process that answers
	}
	// Output:
	// daemon v1.2.3
	// this process does not tell how things stand; datagravity daemon does
}
