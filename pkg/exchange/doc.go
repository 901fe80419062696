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
//
// # Order of writes
//
// Packs, then the publication, then the reference, under the condition that it still is what was read ([ErrRaced]). So the
// reference names only what is there, and a crash leaves objects that nothing names, which [Collect] removes.
//
// # Trust
//
// Nothing that is read is used before it was proven: the publication against the digest that the reference names, the shards
// against the snapshot's id, a recipe against the digest that its shard's line names. Every size is bounded before memory is taken
// for it. What fails is [ErrBad] and names the object. None of this is a signature: who may write to the store can publish.
package exchange
