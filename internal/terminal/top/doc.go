// Package top is the screen that is looked at for longer: lists of jobs, transfers, links, budgets, data and problems that follow what happens.
//
// It asks once a second, and less often where an answer takes long, so that whoever answers spends little of its time on it. What moves is drawn from what
// the other process remembers; nothing is asked of any store. When nobody answers any more, the last picture stays, says how old it is, and is
// replaced when somebody answers again.
//
//	Options -> [Run]
//	messages -> [model.Update] -> [model.View]     as Bubble Tea has it: one goroutine, no locks
//
// All text goes through [terminal.Line] and [terminal.Table], so that no name can do anything to the terminal.
package top
