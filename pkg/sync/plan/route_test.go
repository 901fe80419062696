package plan

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

// Each store's own routing preference prices what is read from it; the agent's machine has none of theirs.
func TestRouteTakesTheRoutingOfEachStore(t *testing.T) {
	azure, other := store.Location{Provider: "azure", Region: "eastus"}, store.Location{Provider: "azure", Region: "westeurope"}
	agent := store.Location{Provider: "aws", Region: "us-east-1"}
	link := cost.Link{Source: "training", Dest: "far", SourceLocation: azure, DestLocation: other}
	const mgn, isp = "azure.zone-1.internet.mgn", "azure.zone-1.internet.isp"
	for _, c := range []struct {
		o        cost.RouteOptions
		in, back string
	}{
		{cost.RouteOptions{}, mgn, mgn},
		{cost.RouteOptions{ISPRouting: true}, isp, isp},
		{cost.RouteOptions{StoreRouting: map[string]bool{"training": true, "far": true}}, isp, mgn},
		{cost.RouteOptions{DestinationRouting: map[string]bool{"training": true, "far": true}}, mgn, isp},
		{cost.RouteOptions{ISPRouting: true, StoreRouting: map[string]bool{"training": false}}, mgn, isp},
	} {
		r, err := NewRoute(cost.Default(), link, agent, c.o)
		if err != nil || r.In.ID != c.in || r.Back.ID != c.back || r.Out.ID != "aws.us-eu.internet" {
			t.Errorf("%+v: in %s, back %s, out %s (%v), want %s and %s", c.o, r.In.ID, r.Back.ID, r.Out.ID, err, c.in, c.back)
		}
	}
}
