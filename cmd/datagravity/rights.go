package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/store/probe"
)

// datasetsIn are the names of the datasets in a store.
func (a *app) datasetsIn(name string) (out []string) {
	for _, n := range keys(a.cfg.Datasets) {
		if a.cfg.Datasets[n].Store == name {
			out = append(out, n)
		}
	}
	return out
}

// isDestination tells whether anything is written to a store for itself.
func (a *app) isDestination(name string) bool {
	for _, d := range a.cfg.Destinations {
		if d.Store == name {
			return true
		}
	}
	return false
}

// exchangeOf is the store about whose datasets agents tell each other in a store: that one itself, or the one whose exchange it is; "" for none.
func (a *app) exchangeOf(name string) string {
	for _, n := range keys(a.cfg.Stores) {
		if a.cfg.Stores[n].Exchange == name {
			return n
		}
	}
	if a.cfg.Stores[name].Exchange == "" && len(a.datasetsIn(name)) > 0 {
		return name
	}
	return ""
}

// roleRights are what this agent needs in a store to be an origin or an edge there; none where it is neither.
func (a *app) roleRights(name string) ([]probe.Right, error) {
	about := a.exchangeOf(name)
	told := a.datasetsIn(about)
	datasets := a.datasetsIn(name)
	if len(told)+len(datasets) == 0 {
		return nil, nil
	}
	var list, theirs []probe.Right
	switch a.cfg.Agent.Role {
	case config.Origin:
		if beside, err := a.beside(name); !beside {
			return nil, err
		}
		theirs = exchange.OriginRights()
	case config.Edge:
		theirs = exchange.EdgeRights(a.cfg.Agent.NameOr(os.Hostname), told, a.cfg.Granted()[about])
	default:
		return nil, nil
	}
	if len(told) == 0 {
		theirs = nil // they are told elsewhere
	}
	for _, n := range datasets {
		// An edge is told by the origin what is in a dataset.
		list = append(list, probe.Right{Prefix: a.cfg.Datasets[n].Prefix, Read: true, List: a.cfg.Agent.Role == config.Origin})
	}
	return append(list, theirs...), nil
}

// beside tells whether reading a store costs this agent nothing: only such datasets does an origin publish.
func (a *app) beside(name string) (bool, error) {
	book, routes, err := a.cfg.PriceBook()
	if err != nil {
		return false, err
	}
	rate, err := book.Transfer(a.cfg.Stores[name].Location, a.cfg.Agent.Location, routes.FromStore(name))
	return err == nil && rate.IsFree(), nil
}

// examineRole tries what an origin or an edge needs. One finding tells what is there, one each what is not.
func examineRole(trials []probe.Trial, r *storeReport) {
	for _, right := range []string{"list", "read", "write", "delete"} {
		var ok, untried []string
		for _, t := range trials {
			switch {
			case t.Right != right:
			case t.Err != nil && t.Optional:
				r.add("right to "+right, "warning", "not below %s, so that changes cost more: %v; %s", t.Prefix, t.Err, t.Hint)
			case t.Err != nil:
				r.fail("right to "+right, fmt.Errorf("below %s: %w; %s", where(t.Prefix), t.Err, t.Hint))
			case t.OK():
				ok = append(ok, where(t.Prefix))
			default:
				untried = append(untried, where(t.Prefix))
			}
		}
		if len(ok) > 0 {
			r.add("right to "+right, "ok", "yes, below %s", strings.Join(ok, ", "))
		}
		if len(untried) > 0 {
			r.add("right to "+right, "note", "not tried below %s; --write-probe tries it", strings.Join(untried, ", "))
		}
	}
}

func where(prefix string) string {
	if prefix == "" {
		return "the whole store"
	}
	return prefix
}

// rolePolicy prints what this agent needs in a store of datasets, if it is an origin or an edge there.
func (a *app) rolePolicy(kind, bucket, name string) (string, error) {
	rights, err := a.roleRights(name)
	if err != nil || len(rights) == 0 {
		return "", err
	}
	as := "origin"
	if a.cfg.Agent.Role == config.Edge {
		as = "edge " + a.cfg.Agent.NameOr(os.Hostname)
	}
	list, what := a.datasetsIn(name), "dataset "
	if len(list) == 0 {
		list, what = a.datasetsIn(a.exchangeOf(name)), "exchange about dataset "
	}
	if len(list) > 1 {
		what = strings.Replace(what, "dataset ", "datasets ", 1)
	}
	what += strings.Join(list, ", ")
	return fmt.Sprintf("# %s, %s\n%s", what, as, probe.PolicyOf(kind, bucket, a.cfg.Agent.Role, rights)), nil
}
