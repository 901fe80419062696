// Package access says who may ask the API over TCP, and for what: tokens, the scopes that they have, and the sessions that browsers log in to with them.
//
// # What is kept
//
// A token is 256 random bits. Its SHA-256 is kept in the state directory, in tokens.json with mode 0600, and nothing that it could be made from again: who can
// read the file cannot ask. A slow hash is for passwords, which people choose; of 2^256 tokens none is guessed, however fast the hash.
//
// When a token was last used is in a file of its own, tokens-used.json, written once a minute at most. So the command that makes and revokes tokens and the daemon
// that looks them up never write the same file.
//
// # Scopes
//
// [Read] sees, [Jobs] also changes what is wanted (jobs, needs, pins, pauses), [Budget] also lets more money be spent, [Admin] does all. Jobs and Budget do not include each other.
package access
