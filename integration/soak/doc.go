// Package soak judges whether a process that runs for long grows: series of what it holds are flat, or they are not.
//
// The test runs the real daemon while its dataset and its jobs change and some of the requests fail. `make soak` runs it for half an hour and writes
// build/soak.md with a graph, and build/soak.json; `make test` for less than a minute, which proves that it runs, and that the judge finds a leak in
// series that have one.
//
// # Flat
//
// What comes before the warm-up's end is not judged: pools, caches and the database find their size. Of the rest, the median of each of some blocks of
// time stands for it, so that what goes up and down is not taken for growth and one block says little about the next. A line through these is fitted by
// the median of all slopes between two of them (Theil 1950; Sen 1968), which a third of outliers does not move. A series grows if it rises with time by
// Mann and Kendall's test, its slope is above what its [Limit] allows in an hour, and the line rises by more than the limit calls noise. So a file that
// doubles from time to time grows, and a short run finds large leaks only; the slope's 95 % confidence interval (Sen 1968) says what it could have found.
package soak
