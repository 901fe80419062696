// Package observe reads how things stand: what is where, what moves, what waits, what was spent, and what went wrong.
//
// It is one reading for everybody who looks: the API, the dashboard, the terminal, the metrics and the notifications show the same numbers
// because they are these. Nothing here decides or changes anything.
//
// # Where it comes from
//
//	engine events -> [Recorder]  transfers, speeds, run by run, in memory: what a process does now
//	log records   -> [Problems]  the latest warnings and errors, each with what to do
//	manifest      -> [Reader]    holdings, budgets, spending: what is recorded
//
// All money is US dollars in nano-dollars ([cost.NanoUSD]), in JSON a decimal number; all sizes are bytes, all times UTC.
package observe
