package config

import (
	"path/filepath"
	"time"
)

// The defaults of backups.
const (
	defaultBackupEvery = Duration(24 * time.Hour)
	defaultBackupKeep  = 7

	leastBackupEvery = Duration(time.Hour)
	mostBackupEvery  = Duration(30 * 24 * time.Hour)
	mostBackupKeep   = 1000
)

func (d *document) fillInBackup(a *Agent, dir string) {
	f := field{"agent", "backup"}
	fill(d, f.Child("every"), &a.Backup.Every, defaultBackupEvery)
	fill(d, f.Child("keep"), &a.Backup.Keep, defaultBackupKeep)
	d.absolute(f.Child("dir"), &a.Backup.Dir, dir)
	if a.Backup.Dir == "" && a.State != "" {
		a.Backup.Dir = filepath.Join(a.State, "backups")
	}
}

func (d *document) checkBackup(a Agent) {
	f, b := field{"agent", "backup"}, a.Backup
	if b.Every != 0 && (b.Every < leastBackupEvery || b.Every > mostBackupEvery) {
		d.Wrong(f.Child("every"), "%s: want 1h to 30d, or 0 for none", b.Every)
	}
	if b.Keep < 1 || b.Keep > mostBackupKeep {
		d.Wrong(f.Child("keep"), "%d: want 1 to %d; every: 0 has the daemon make none", b.Keep, mostBackupKeep)
	}
	for _, other := range []string{a.State, a.JournalDir} {
		if d.IsSet(f.Child("dir")) && other != "" && b.Dir == other {
			d.Wrong(f.Child("dir"), "%q is the folder of what is backed up; name one of its own, best on another disk", b.Dir)
		}
	}
}
