// Package operate does what people ask for, beside the jobs that pkg/dispatch keeps: needs, pins, decisions about budgets, pauses, and plans and
// readiness, which are only looked at.
//
// It is one doing for everybody who asks: a command that holds the manifest itself, the API and the dashboard. [Local] does it here; the client of
// the API is an [Operator] too, and asks the process that can.
//
// # What can be named
//
// Configured datasets, destinations, budgets, teams and links, by their names. No request has a URL, a path of a file system, or an option of a store: whoever
// may ask can choose among what the configuration's owner has set up, and adds nothing to it.
//
// # Errors
//
// What was asked for wrongly is [ErrMistake], with a text that says what is known or wanted. All others are those of the packages below.
package operate
