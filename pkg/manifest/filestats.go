package manifest

// FileStats is how large the manifest's file is.
type FileStats struct {
	Bytes int64 // of the file
	// FreeBytes of it are in pages that hold nothing now: what was deleted leaves them, and what comes takes them.
	FreeBytes int64
}

// FileStats of the open file. Recipes and the journal are files of their own, and not in it.
func (m *Manifest) FileStats() (s FileStats, err error) {
	err = m.View(func(tx *Tx) error {
		s.Bytes = tx.b.Size()
		return nil
	})
	s.FreeBytes = int64(m.db.Stats().FreeAlloc)
	return s, err
}
