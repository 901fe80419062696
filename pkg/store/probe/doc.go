// Package probe finds out what doctor tells a user before the first byte is paid for: where this machine is, whether its
// clock is right, what the credentials may do, and which rights they should have.
//
// # What it leaves behind
//
// Nothing: an object that it may write, under .datagravity/probe/ or probe/ in the folder that a right is for, is deleted again, and a delete
// that fails is reported with the key's name. Where what was written could not be deleted, only a write is tried that cannot succeed.
package probe
