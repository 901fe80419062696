package exchange

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"

	"github.com/datagravity/datagravity/pkg/store/probe"
)

// OriginRights are what an origin needs in the exchange.
func OriginRights() []probe.Right {
	return []probe.Right{{Prefix: prefix, List: true, Read: true, Write: true, Delete: true}}
}

// EdgeRights are what an edge of that name needs in the exchange for some datasets; granted: it reads what an origin grants.
//
// What was written for a grant it may not delete: a claim that could be removed could be made twice. A grant's objects are not listed but asked for by
// their keys, so that what is absent must be answered as absent.
func EdgeRights(name string, datasets []string, granted bool) []probe.Right {
	var list []probe.Right
	for _, d := range datasets {
		list = append(list, probe.Right{Prefix: datasetFolder(d), Read: true})
	}
	own := url.PathEscape(name) + "/"
	// Whether an origin is alive: without that it asks nobody.
	list = append(list, probe.Right{Prefix: agentsPrefix, List: true, Read: true, Optional: !granted})
	if granted {
		list = append(list,
			probe.Right{Prefix: grantsPrefix + own, Read: true},
			// An origin collects a settlement without a request, should a store write it all the same.
			probe.Right{Prefix: asksPrefix + own, Read: true, Write: true, Trial: trialID() + settlementSuffix},
		)
	}
	// For packs, in place of which ranges of the shards are read. What it does not delete, the origin does.
	return append(list,
		probe.Right{Prefix: answersPrefix + own, Read: true, Delete: true, Optional: true},
		probe.Right{Prefix: chunksPrefix + own, List: true, Read: true, Delete: true, Optional: true},
		probe.Right{Prefix: wantsPrefix + own, Read: true, Write: true, Delete: true, Trial: trialID() + wantSuffix, Optional: true},
	)
}

func trialID() string {
	var b [idDigits / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
