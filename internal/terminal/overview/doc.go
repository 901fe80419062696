// Package overview says what is shown of how things stand: which lists there are, what is in their columns, and the one screen that sums all of it up.
//
//	observe.Overview -> [Lists]     jobs, transfers, links, budgets, data, problems: the tabs of top
//	observe.Overview -> [Summary]   what status prints
//	two of them      -> [Changes]   what status --watch says where nothing can be painted over
//
// All times are told from the moment of the overview, so that the same overview always looks the same.
package overview
