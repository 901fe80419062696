package config

import "strings"

// DatasetPlaceholder in a destination's prefix stands for the dataset's name.
const DatasetPlaceholder = "{dataset}"

// PrefixFor is the key prefix of a dataset at the destination: "" or ending in "/".
func (d Destination) PrefixFor(dataset string) string {
	return folder(strings.ReplaceAll(d.Prefix, DatasetPlaceholder, dataset))
}

// folder makes a prefix "" or end in one "/", so that "c4" never matches "c4-old/".
func folder(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}
