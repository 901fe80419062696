package manifest

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Place tells a manifest from copies of it: a file that was copied, or put back from a backup under its name, is another one to the file
// system. What must not be used by two agents is only used in the place in which it was acquired.
func (m *Manifest) Place() (string, error) {
	info, err := os.Stat(m.db.Path())
	if err != nil {
		return "", err
	}
	id, err := fileID(m.db.Path(), info)
	if err != nil {
		return "", fmt.Errorf("tell %s from copies of it: %w", m.db.Path(), err)
	}
	sum := chunker.Sum([]byte(id))
	return hex.EncodeToString(sum[:8]), nil
}
