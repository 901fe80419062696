package store

// KiB and friends are binary, as part limits of the services are.
const (
	KiB int64 = 1 << 10
	MiB int64 = 1 << 20
	GiB int64 = 1 << 30
	TiB int64 = 1 << 40
)

// Capabilities are what a backend, and this bucket as it is configured, can do. They are data, so that planners need no
// knowledge of providers.
type Capabilities struct {
	// Provider as in a location: azure, aws, gcp, r2, b2, oracle, onprem; "" for stores in memory.
	Provider string `json:"provider"`
	// Paid request classes are priced under this name in the price book (azure, aws, gcp), "" if requests are free.
	RequestPrices string `json:"request_prices,omitempty"`

	Names NameRules  `json:"names"`
	Parts PartLimits `json:"parts"`
	// PutMaxBytes is the largest object that Put takes.
	PutMaxBytes int64 `json:"put_max_bytes"`
	// CopyMaxBytes is the largest object that Copy takes in one call; 0 means that it cannot copy.
	CopyMaxBytes int64 `json:"copy_max_bytes"`

	// ServerChecks names the checksums that the service verifies on what we send: "crc64nvme", "crc32c", "md5".
	ServerChecks []string `json:"server_checks"`
	// ObjectChecksums names the full-object checksums that a finished upload has: "crc64nvme", "crc32c".
	ObjectChecksums []string `json:"object_checksums"`
	// Proof says in one sentence how a finished upload is proven to hold the bytes that were sent.
	Proof string `json:"proof"`

	// CopiesParts: a part can be a range of another object, copied by the service. All limits of Parts hold for it.
	CopiesParts bool `json:"copies_parts"`
	// RangeSourceMoreThanBytes: ranges are copied only from objects larger than this.
	RangeSourceMoreThanBytes int64 `json:"range_source_more_than_bytes"`
	// AssembledChecksums: an object with copied parts has a full checksum, too, so that it need not be read to be proven.
	AssembledChecksums bool `json:"assembled_checksums"`
	// PartsProveObject: the service tells a checksum of every range that it copied, and CompleteUpload makes sure that the object
	// is exactly the parts that were named, so that checksums of all parts prove the object.
	PartsProveObject bool `json:"parts_prove_object"`

	// ListsParts: the service itself tells which parts of an upload it holds.
	ListsParts bool `json:"lists_parts"`
	// Versions: the bucket keeps versions, and reads can name one.
	Versions bool `json:"versions"`
	// PreservesEncoding: an object with Content-Encoding gzip is stored and served unchanged.
	PreservesEncoding bool `json:"preserves_encoding"`
	// Warnings of doctor: soft delete, versioning or object lock that make temporary objects cost money.
	Warnings []string `json:"warnings,omitempty"`
	// Region of the bucket as the service tells it ("eastus", "us-east-1", "us-central1"), "" if it does not.
	Region string `json:"region,omitempty"`
}

// PartLimits are a backend's rules for uploads in parts.
type PartLimits struct {
	MinBytes       int64 `json:"min_bytes"` // of every part but the last
	MaxBytes       int64 `json:"max_bytes"` // of any part
	MaxParts       int   `json:"max_parts"`
	MaxObjectBytes int64 `json:"max_object_bytes"`
}
