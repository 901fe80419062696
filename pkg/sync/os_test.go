package sync

import "os"

// moveAway is what an unmount looks like to whoever holds the directory's path.
func moveAway(dir string) error { return os.Rename(dir, dir+"-away") }
