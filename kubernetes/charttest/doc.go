// Package charttest renders kubernetes/chart with Helm's own engine, and reads what comes out as strictly as an API server does. It has a module of its
// own: nobody who builds datagravity or its controller downloads Helm.
package charttest
