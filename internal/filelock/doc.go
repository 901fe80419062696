// Package filelock keeps processes, and goroutines, that read a small file, change it and write it anew from doing so at the same time: what one of them wrote
// would be lost.
package filelock
