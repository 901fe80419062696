module github.com/datagravity/datagravity/integration/peers

go 1.26.0

replace github.com/datagravity/datagravity => ../..

require (
	github.com/PlakarKorp/go-cdc-chunkers v1.1.0
	github.com/datagravity/datagravity v0.0.0
	github.com/jotfs/fastcdc-go v0.2.0
	github.com/restic/chunker v0.4.0
	github.com/zeebo/blake3 v0.2.4
	lukechampine.com/blake3 v1.4.1
)

require (
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/minio/crc64nvme v1.1.1 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
