package azure

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// mostSecretBytes is far above any key, token or connection string; what is larger is another file than was meant.
const mostSecretBytes = 64 << 10

// fromEnvironment reads a credential from the environment: the variable itself, or the file that the variable with _FILE behind its name names. The
// SDK knows only the variable, and those of a process can be read for as long as it runs, by its user and in its children; a file can be
// one that the service manager made for this service alone. "" if neither is set.
func fromEnvironment(name string) (string, error) {
	value, path := os.Getenv(name), os.Getenv(name+"_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set, and may differ: take one of them away", name, name)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, mostSecretBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	if len(b) > mostSecretBytes {
		return "", fmt.Errorf("%s_FILE: %s is larger than %d KiB; it must hold the credential and nothing else", name, path, mostSecretBytes>>10)
	}
	// Editors end files with a newline, and no credential does.
	if value = strings.TrimRight(string(b), "\r\n"); value == "" || strings.ContainsAny(value, "\r\n\x00") {
		return "", fmt.Errorf("%s_FILE: %s must hold the credential alone, in one line", name, path)
	}
	return value, nil
}
