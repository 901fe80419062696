// Package yamldoc reads YAML that people write: a configuration, the jobs of a folder. It reports every mistake, not the first
// alone, each with file, line, column and field, and an unknown name with the nearest valid one. JSON is read into the same tree,
// so that a file means the same, and is refused with the same words, in both.
//
// # Hostile files
//
// A daemon reads files that others can write. Length, lines, depth and the number of values are bounded before anything is built of
// them. Aliases are followed where a field wants a value and never expanded into copies of the tree.
//
// # Secrets
//
// A value that looks like a secret is refused before anything else is said about the file, and no message repeats it.
package yamldoc
