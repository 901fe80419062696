package config

import (
	"maps"
	"slices"

	"github.com/datagravity/datagravity/internal/yamldoc"
)

// document is the configuration's file with what is checked of it here.
type document struct{ *yamldoc.Document }

// field is where a value stands in the file.
type field = yamldoc.Field

// Error is one mistake in the configuration.
type Error = yamldoc.Error

// Errors are several mistakes, in the order of the file. errors.As finds the first as *[Error].
type Errors = yamldoc.Errors

// UnknownName is the error for a name that is not configured, with the nearest one that is:
//
//	unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)
//
// kind is the word for what is named: "dataset", "destination", "store".
func UnknownName(kind, name string, known []string) error {
	return yamldoc.UnknownName(kind, name, known)
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
