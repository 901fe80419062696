// Package notify tells people and programs what happens, without being asked: jobs that are ready or late, budgets that run out, damage, a daemon that does
// not get on.
//
// # What is an event
//
// A change. [Notifier.Release] is told how jobs stand after every pass and compares that with what the manifest has of the time before, whichever process
// that was in; so a start tells nothing twice, and misses nothing that changed while no daemon ran. Alerts of budgets have marks of their own. The first
// start with targets only notes how things are.
//
// # Delivery
//
// An event is recorded for each target that wants it, in the same transaction as that it was noticed, and forgotten when the target took it. In between it is
// tried again, at growing intervals, also by the next process. So each is delivered at least once; its id is the same every time, so that a target can tell.
// After [keptFor] it is given up, and the log says so. A target that hangs holds up neither the others nor the loop.
//
// # Webhooks
//
// A POST of JSON, signed as Standard Webhooks (https://www.standardwebhooks.com) has it, to https or to this machine. No redirect is followed, no metadata
// service is reached, and neither the URL nor the key is in any message.
//
// # Commands
//
// A program without a shell, with the JSON on its standard input and little of the environment. What takes too long is killed with all of its process group.
package notify
