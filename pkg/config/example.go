package config

import _ "embed"

//go:embed example.yaml
var example []byte

// Example is a commented configuration to start from: Azure to S3, Google Cloud and a directory, under a budget.
func Example() []byte { return append([]byte(nil), example...) }
