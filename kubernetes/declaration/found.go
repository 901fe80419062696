package declaration

import "github.com/datagravity/datagravity/pkg/dispatch"

// Found are the annotations that tell pods of a job that is ready where their data is.
func Found(st dispatch.Status) map[string]string {
	out := map[string]string{Snapshot: st.Snapshot}
	for _, p := range st.Places {
		if p.URL != "" {
			out[URL] = p.URL
			break
		}
	}
	return out
}
