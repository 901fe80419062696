// Package terminal puts text on a terminal so that it fits, can be read and does no harm.
//
//	names, errors -> [Clean]            nothing in them is an escape, moves the cursor or turns the writing's direction
//	text          -> [Line], [Table]    no line is wider than it may be, whatever the letters
//	meaning       -> [Theme]            colours by what they mean; none where none are wanted
//	numbers       -> [Bar], [Spark]
//
// It knows nothing of what is shown. Package overview says that, and package top is the screen that is looked at for longer.
package terminal
