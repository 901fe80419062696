package main

import (
	"github.com/datagravity/datagravity/internal/firstheap"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// Of each shard that is moved, the clouds' SDKs make some 100 KiB of garbage, and what stays of many is 30 MiB: with the usual GOGC that was looked at again after
// each 300 shards, which took a tenth of the CPU. A command that moves many lets the heap reach manyHeapBytes first, which is no more than the parts of larger shards
// take anyway (agent.memory). Fewer shards, and commands that move nothing, would pay more for memory that is touched for the first time.
const (
	manyShards    = 2000
	manyHeapBytes = 96 << 20
)

// makeRoom lets the heap grow where a run moves many shards.
func makeRoom(e engine.Event) {
	if e.Kind == engine.RunStarted && e.Shards >= manyShards {
		firstheap.SetFloor(manyHeapBytes)
	}
}
