package jobs

import (
	"path"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Rank is the wave in which a path travels: all shards of a wave are proven at the destination before the next starts,
// so that a reader never sees an index before its shards, nor a marker before both.
type Rank int

// The waves.
const (
	RankShard Rank = iota
	RankIndex
	RankMarker
)

// Formats that a dataset can declare. "auto" and "" treat the index files of every known format as such.
var Formats = []string{"auto", "webdataset", "mds", "parquet", "litdata", "energon", "megatron", "raw"}

// ChunkAlgorithms are those that shards of a declared format are cut by unless another one is named: new datasets by the first, those that an
// earlier version began by one of the others. Where the format does not tell, the shard's own bytes do.
func ChunkAlgorithms(format string) []string {
	switch format {
	case "mds", "parquet", "litdata", "megatron", "raw":
		return []string{chunker.AlgorithmPlain}
	}
	return []string{chunker.AlgorithmTar, chunker.AlgorithmTarV1}
}

// RankOf places a path. Index files are: index.json (MDS, LitData), shardlists of WebDataset (wids), everything in
// .nv-meta/ (Energon), .idx beside .bin (Megatron), _metadata and _common_metadata (parquet), _delta_log/ (Delta),
// .metadata (PyTorch checkpoints), dataset_info.json. Format "raw" has none.
func RankOf(format, marker, p string) Rank {
	if marker != "" && p == marker {
		return RankMarker
	}
	base := path.Base(p)
	if base == "_SUCCESS" {
		return RankMarker
	}
	is := func(f string) bool { return format == f || format == "auto" || format == "" }
	switch {
	case (is("mds") || is("litdata")) && base == "index.json",
		is("webdataset") && (base == "wids.json" || base == "shardlist.json" || base == "index.json"),
		is("energon") && (strings.HasPrefix(p, ".nv-meta/") || strings.Contains(p, "/.nv-meta/")),
		is("megatron") && strings.HasSuffix(base, ".idx"),
		is("parquet") && (base == "_metadata" || base == "_common_metadata" || base == "dataset_info.json" ||
			strings.HasPrefix(p, "_delta_log/") || strings.Contains(p, "/_delta_log/")),
		format != "raw" && base == ".metadata":
		return RankIndex
	}
	return RankShard
}
