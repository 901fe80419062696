// Package packaging has no code: it holds what the packages consist of beside the program (units, default configuration, scripts), the Dockerfile,
// and the tests of all that. make package builds the packages into build/ and runs the tests on them.
package packaging
