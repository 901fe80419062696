// Package storetest is the one conformance suite that every [store.Store] passes, in this repository's tests and on a
// user's own bucket (datagravity doctor --conformance).
//
// The suite promises three things. It never passes what it did not see: where a server is known to lie, the case says "not
// proven here" with the reason, and a lie that is declared but no longer seen fails the run. It leaves nothing behind: every
// object and upload it makes is under Env.Prefix (or that after a leading slash or store.Private) and is removed at the end
// of its case.
// It is the same everywhere: its data follow from a seed, its part sizes from Capabilities.
//
// # In a test
//
//	storetest.Run(t, s, storetest.Options{Quirks: []storetest.Quirk{storetest.DeleteIgnoresPin}})
//
// # Without package testing
//
//	env := storetest.NewEnv(s, storetest.Options{})
//	for _, c := range storetest.Cases() {
//		if err := c.Run(ctx, env); err != nil { … }
//	}
//	notes := env.NotProven()
package storetest
