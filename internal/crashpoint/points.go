package crashpoint

// The points, about in the order in which a synchronization passes them.
const (
	IndexCommit      Point = "index.commit"      // everything was read, the snapshot is not taken
	PlanBegin        Point = "plan.begin"        // the source was listed, nothing is decided
	LeaseOver        Point = "lease.over"        // what was over of others' leases was removed, one's own is not written
	LeaseWritten     Point = "lease.written"     // a lease was written at the destination, or refused, and nobody was told
	ReserveRecorded  Point = "reserve.recorded"  // a reservation is in the manifest, not in the journal, and nothing was moved on it
	ReadBefore       Point = "read.before"       // a range is about to be read from the source
	PutBefore        Point = "put.before"        // a whole object is about to be sent
	PutAcknowledged  Point = "put.acknowledged"  // a whole object was sent, or failed, and is not recorded
	UploadCreated    Point = "upload.created"    // an upload was begun, or failed to, and no record has its id
	SendBefore       Point = "send.before"       // a part is about to be sent
	SendAcknowledged Point = "send.acknowledged" // a part was sent, or failed, and is not recorded
	PartRecorded     Point = "part.recorded"     // a part and what it cost are recorded
	SettleBefore     Point = "settle.before"     // a batch of small shards moved, and what it cost is not recorded
	SettleRecorded   Point = "settle.recorded"   // a settlement is in the manifest, not in the journal
	CompleteBefore   Point = "complete.before"   // all parts are there, the object is not
	CompleteAfter    Point = "complete.after"    // the object may be there, which is not recorded
	VerifyBefore     Point = "verify.before"     // the object is there and not proven
	ReadyBefore      Point = "ready.before"      // all is proven, nobody was told that it is ready
	CommitBefore     Point = "commit.before"     // a transaction of the manifest is about to be committed
	CommitAfter      Point = "commit.after"      // a transaction of the manifest was committed
	CollectAbort     Point = "collect.abort"     // the collector is about to remove an upload
	CollectRecords   Point = "collect.records"   // the collector removed everything but its records
	RebuildFolders   Point = "rebuild.folders"   // what lies beside a rebuilt manifest is in its place, the manifest is not
	RebuildRename    Point = "rebuild.rename"    // a rebuilt manifest is complete and does not have its name yet
	BackupName       Point = "backup.name"       // a backup is complete and does not have its name yet
	MigrateBefore    Point = "migrate.before"    // a manifest was copied, its schema is as it was
)

// All points. Trials go through this list.
func All() []Point {
	return []Point{
		IndexCommit, PlanBegin, LeaseOver, LeaseWritten, ReserveRecorded, ReadBefore, PutBefore, PutAcknowledged, UploadCreated, SendBefore, SendAcknowledged,
		PartRecorded, SettleBefore, SettleRecorded, CompleteBefore, CompleteAfter, VerifyBefore, ReadyBefore, CommitBefore, CommitAfter, CollectAbort,
		CollectRecords, RebuildFolders, RebuildRename, BackupName, MigrateBefore,
	}
}
