// Package changefeed asks the change feed of an Azure storage account whether anything below a prefix changed.
//
// # What it promises
//
// If it says that nothing changed, no event about the prefix was in the feed's consumable part that was not in it the time before. Events come there
// minutes later, in segments of an hour: so the feed tells when listing is worth its price, and never what there is. Who asks lists now and then all the same.
//
// # The layout
//
// As https://learn.microsoft.com/azure/storage/blobs/storage-blob-change-feed describes it, in the container $blobchangefeed:
//
//	meta/segments.json                         up to when segments may be read
//	idx/segments/YYYY/MM/DD/HHMM/meta.json     one segment: whether it is final, and the folders of its log
//	log/NN/YYYY/MM/DD/HHMM/00000.avro          events, in Avro object container files that are appended to
//
// It was tried on files of that layout and schema, never on a live account: no emulator has a change feed.
package changefeed
