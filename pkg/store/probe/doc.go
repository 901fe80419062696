// Package probe finds out what doctor tells a user before the first byte is paid for: where this machine is, whether its
// clock is right, what the credentials may do, and which rights they should have.
//
// # What it leaves behind
//
// Nothing: the one object that it may write, under .datagravity/probe/, is deleted again, and a delete that fails is
// reported with the key's name.
package probe
