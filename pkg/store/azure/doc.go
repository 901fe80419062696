// Package azure is a [store.Store] over one container of Azure Blob storage.
//
// # What it promises
//
// Keys are exact. gocloud's azureblob driver escapes keys and its writer panics when an upload fails, so the container is
// opened through gocloud.dev/blob, which says whether it can be reached, and everything else goes through the SDK's own
// client, taken from the bucket with As.
//
// Every body carries a transactional CRC64 that the service checks before it keeps the bytes. A block's ID holds its
// number, its offset and that CRC64, so that a resumed upload knows what each block holds without having sent it, and the
// list of committed blocks, read back after the commit, says which bytes the blob has. This is the proof of an upload:
// Azure has no checksum of its own over a blob made of blocks.
//
// # Uploads
//
// Azure has no upload ids: uncommitted blocks belong to the blob's name. Ours is a nonce in each block ID. Nothing is
// visible before the commit. An abandoned upload under a name that holds no blob is removed by committing an empty blob
// and deleting it, both conditionally; the empty blob is visible for that moment and marked by its content type. Under
// a name that does hold a blob nothing is done, because every way to drop its uncommitted blocks rewrites the blob: they
// vanish with the next commit, or after a week. For the same reason [Store.ListUploads] knows uploads to new names only.
//
// # Credentials
//
// In this order: [Options], AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, and then
// Microsoft Entra ID as azidentity finds it (environment, workload identity, managed identity, Azure CLI). No error, log
// line or URL of this package shows a key, a token or a signature.
package azure
