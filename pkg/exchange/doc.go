// Package exchange is what an agent beside a source publishes for agents elsewhere, through nothing but object storage: the
// snapshots of a dataset and the recipes of their shards. An agent far away then knows the digest and the chunks of every shard
// without reading one of them across a link that is paid for, and can ask for those that it lacks. docs/format.md has every byte.
//
//	reference    datasets/DATASET/latest.json          the one object that changes: which publication is the latest
//	publication  datasets/DATASET/snapshots/HEX.dgs    the shards of a snapshot, and where the recipe of each lies
//	packs        datasets/DATASET/recipes/HEX.dgr      recipes one behind the other
//	heartbeats   agents/NAME.json                      who is there
//	want         wants/EDGE/ID.dgw                     chunks that an edge lacks
//	answer       answers/EDGE/ID.json                  the packs that an origin made of them
//	packs        packs/EDGE/ID/HEX.dgp                 see package pack
//	request      asks/EDGE/ID.ask.json                 what an edge wants to read at the cost of the origin's budgets
//	grant        grants/EDGE/ID.json                   what it may read
//	claim        asks/EDGE/ID.claim.json               who has the grant
//	settlement   asks/EDGE/ID.settled.json             what the edge used
//	mark         ledger.json                           which ledger grants
//
// # Order of writes
//
// Packs, then the publication, then the reference, under the condition that it still is what was read ([ErrRaced]). So the
// reference names only what is there, and a crash leaves objects that nothing names, which [Collect] removes.
//
// # Grants
//
// The budgets are those of one ledger, the origin's. It sets money aside before it writes a grant. Edge and origin then race for the
// claim, which the store gives to one of them: the edge may use the grant, or the origin takes the money back. What is lost on the way
// counts as used, so that money may be set aside in vain but is never spent twice.
//
// # Trust
//
// Nothing that is read is used before it was proven: the publication against the digest that the reference names, the shards
// against the snapshot's id, a recipe against the digest that its shard's line names. Every size is bounded before memory is taken
// for it. What fails is [ErrBad] and names the object. None of this is a signature: who may write to the store can publish.
package exchange
