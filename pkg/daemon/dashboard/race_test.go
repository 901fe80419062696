//go:build race

package dashboard

func init() { raced = true }
